package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is the built server.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "server")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "server")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// A process is the program, running.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout io.Reader
	stderr bytes.Buffer
	ended  chan error
}

func run(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), ended: make(chan error, 1)}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.stdout = out
	require.NoError(t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // unless it has ended
	return p
}

// wait returns what the program logged, and how it ended.
func (p *process) wait() (logged string, err error) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return p.stderr.String(), err
	case <-time.After(30 * time.Second):
		p.t.Fatal("the program does not end")
		return "", nil
	}
}

// configure writes a configuration file and returns its name.
func configure(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "server.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// ready waits until the metadata document answers.
func ready(t *testing.T, c *http.Client, issuer string) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := c.Get(issuer + "/.well-known/oauth-authorization-server")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond)
}

const machine = `"clients": [{"client_id": "m", "client_secret": "m-secret", "grant_types": ["client_credentials"], "scope": "read"}]`

func tokenRequest(t *testing.T, issuer, secret string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader("grant_type=client_credentials&scope=read"))
	require.NoError(t, err)
	r.SetBasicAuth("m", secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestDemo(t *testing.T) {
	address := freeAddress(t)
	p := run(t, "-listen", address)
	var printed strings.Builder
	lines := bufio.NewScanner(p.stdout)
	for lines.Scan() && !strings.HasSuffix(lines.Text(), "-d token=") {
		fmt.Fprintln(&printed, lines.Text())
	}
	issuer := "http://" + address
	ready(t, http.DefaultClient, issuer)

	t.Run("it prints a curl line that gets a token", func(t *testing.T) {
		found := regexp.MustCompile(`curl -u 'machine:(\S+)' -d grant_type=client_credentials -d scope=read (\S+)`).FindStringSubmatch(printed.String())
		require.Len(t, found, 3, "%s", printed.String())
		r := tokenRequest(t, issuer, found[1])
		r.SetBasicAuth("machine", found[1])
		require.Equal(t, r.URL.String(), found[2])
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
	})
	t.Run("it says what the line for introspection lacks", func(t *testing.T) {
		require.True(t, strings.HasSuffix(printed.String(), "(append an access token):\n\n"), "%s", printed.String())
	})
	t.Run("it prints a request to open in a browser, which leads to the sign-in page", func(t *testing.T) {
		link := regexp.MustCompile(`http\S+/authorize\?\S+`).FindString(printed.String())
		res, err := http.Get(link)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "/signin", res.Request.URL.Path)
	})
	t.Run("the callback page shows a command only for what can be a code", func(t *testing.T) {
		for _, code := range []string{"x", "x%20;%20rm%20-rf%20~", "grantor_ac_x%27"} {
			res, err := http.Get(issuer + "/demo/callback?code=" + code)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NotContains(t, string(body), "curl")
		}
	})
}

func TestConfigurations(t *testing.T) {
	t.Run("a broken file is reported whole, and nothing starts", func(t *testing.T) {
		name := configure(t, `{"issuer": "https://as.example/", "listen": "127.0.0.1", "clients": [{"client_id": "c1", "client_secret": "canary", "dpop_bound_access_tokens": true}]}`)
		log, err := run(t, "-config", name).wait()
		require.ErrorContains(t, err, "exit status 1")
		for _, want := range []string{name, "issuer ends in a slash", "listen is not host:port", `clients[0] "c1": dpop_bound_access_tokens is set`} {
			require.Contains(t, log, want)
		}
		require.NotContains(t, log, "canary")
	})
	t.Run("a file that is not there is reported", func(t *testing.T) {
		log, err := run(t, "-config", filepath.Join(t.TempDir(), "none.json")).wait()
		require.ErrorContains(t, err, "exit status 1")
		require.Contains(t, log, "none.json")
	})
	t.Run("a certificate that is not there is one of the problems", func(t *testing.T) {
		name := configure(t, `{"issuer": "https://as.example/", "listen": "127.0.0.1:1", "tls": {"cert_file": "none.pem", "key_file": "none.pem"}}`)
		log, err := run(t, "-config", name).wait()
		require.ErrorContains(t, err, "exit status 1")
		for _, want := range []string{"issuer ends in a slash", "tls: cert_file: open none.pem: ", "tls: key_file: open none.pem: "} {
			require.Contains(t, log, want)
		}
	})
	t.Run("stray arguments are refused, with what to write", func(t *testing.T) {
		log, err := run(t, "server.json").wait()
		require.ErrorContains(t, err, "exit status 2")
		require.Equal(t, "unexpected argument \"server.json\"; write -config server.json\n", log)
		log, err = run(t, "-config", "server.json", "now").wait()
		require.ErrorContains(t, err, "exit status 2")
		require.Equal(t, "unexpected argument \"now\"\n", log)
	})
	t.Run("what is ignored is in the log", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // so that the server ends by itself
		require.NoError(t, err)
		defer l.Close()
		name := configure(t, fmt.Sprintf(`{"issuer": "http://%s", "listen": "%s", "clients": [{"client_id": "a", "client_secret": "x", "grant_typ": []}]}`, l.Addr(), l.Addr()))
		log, _ := run(t, "-config", name).wait()
		require.Regexp(t, `level=WARN msg="clients\[0\] .*grant_typ.* is not known here and is ignored`, log)
	})
	t.Run("an address in use is reported", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		name := configure(t, fmt.Sprintf(`{"issuer": "http://%s", "listen": "%s"}`, l.Addr(), l.Addr()))
		log, ended := run(t, "-config", name).wait()
		require.ErrorContains(t, ended, "exit status 1")
		require.Contains(t, log, "address already in use")
		require.NotContains(t, log, "-listen", "the file says where")

		log, ended = run(t, "-listen", l.Addr().String()).wait()
		require.ErrorContains(t, ended, "exit status 1")
		require.Contains(t, log, "address already in use; use -listen for the demo")
	})
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(nil) // for its certificate
	s.StartTLS()
	s.Close()
	certificate := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return name
	}
	certFile, keyFile := write("cert.pem", "CERTIFICATE", certificate.Certificate[0]), write("key.pem", "PRIVATE KEY", key)

	address := freeAddress(t)
	run(t, "-config", configure(t, fmt.Sprintf(`{"issuer": "https://%s", "listen": "%s", "tls": {"cert_file": %q, "key_file": %q}, %s}`, address, address, certFile, keyFile, machine)))
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	issuer := "https://" + address
	ready(t, c, issuer)
	res, err := c.Do(tokenRequest(t, issuer, "m-secret"))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, 2, res.ProtoMajor)
}

// TestShutdown is HT-14 in short: a server that is told to stop under load ends at
// once, and every request that it has accepted is answered.
func TestShutdown(t *testing.T) {
	address := freeAddress(t)
	issuer := "http://" + address
	p := run(t, "-config", configure(t, fmt.Sprintf(`{"issuer": "%s", "listen": "%s", %s}`, issuer, address, machine)))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	ready(t, c, issuer)

	var answered, broken atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				// A GET may be sent again when an idle connection is closed; then it was
				// not accepted. Anything else that ends in between is a failure.
				res, err := c.Get(issuer + "/jwks")
				if err != nil {
					if !refused(err) {
						broken.Add(1)
					}
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					broken.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return answered.Load() > 200 }, 20*time.Second, time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	log, err := p.wait()
	require.NoError(t, err)
	require.Contains(t, log, "msg=stopped")
	wg.Wait()
	if n := broken.Load(); n > 0 {
		t.Errorf("%d of %d accepted requests failed", n, answered.Load())
	}
}

// refused reports whether the request never reached the server.
func refused(err error) bool {
	return strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "connection reset by peer")
}

func TestErrorsAreJSON(t *testing.T) {
	address := freeAddress(t)
	issuer := "http://" + address
	p := run(t, "-config", configure(t, fmt.Sprintf(`{"issuer": "%s", "listen": "%s", %s}`, issuer, address, machine)))
	ready(t, http.DefaultClient, issuer)
	res, err := http.DefaultClient.Do(tokenRequest(t, issuer, "canary"))
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct{ Error string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, "invalid_client", answer.Error)

	t.Run("and the log says why, but not with what", func(t *testing.T) {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		log, _ := p.wait()
		require.Contains(t, log, "client.refused")
		require.NotContains(t, log, "canary")
	})
}
