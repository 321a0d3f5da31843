// Command server is a complete authorization server in one program: its clients
// and people are in a file, everything else is in memory.
//
//	server -config server.json
//
// runs in the foreground, logs to standard error, and stops on SIGTERM. Without
// -config it makes up a small configuration to try, and prints what to do with it.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/examples/server/internal/host"
	"github.com/grantor-go/grantor/secret"
)

func main() {
	file := flag.String("config", "", "configuration `file`; without one the server runs a demo")
	listen := flag.String("listen", "127.0.0.1:8080", "`address` of the demo")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, unexpected(flag.Arg(0), *file))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *file, *listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// unexpected says that the argument belongs nowhere, unless it is the file that
// -config did not name.
func unexpected(arg, file string) string {
	said := fmt.Sprintf("unexpected argument %q", arg)
	if file == "" {
		said += "; write -config " + arg
	}
	return said
}

// run serves until ctx is done.
func run(ctx context.Context, file, listen string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	hasher := &secret.Slow{}
	if file == "" {
		return runDemo(ctx, listen, hasher, log)
	}
	f, err := config.Load(ctx, file, hasher)
	if err != nil {
		return err
	}
	for _, w := range f.Warnings {
		log.Warn(w)
	}
	h, err := host.New(f, hasher, log, nil)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return err
	}
	return serve(ctx, l, f, h, log)
}

// grace is how long requests may take to end once the server is told to stop.
const grace = 20 * time.Second

// serve answers on the listener until ctx is done, and lets the requests that it
// has accepted end.
func serve(ctx context.Context, l net.Listener, f *config.File, h *host.Host, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 8 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      25 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    host.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		stopped <- server.Shutdown(ending)
	}()
	go h.Run(ctx)

	log.Info("listening", "address", l.Addr().String(), "issuer", f.Issuer)
	var err error
	if f.Certificate == nil {
		err = server.Serve(l)
	} else {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*f.Certificate}}
		err = server.ServeTLS(l, "", "") // that one
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	err = <-stopped
	log.Info("stopped")
	return err
}
