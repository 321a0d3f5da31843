// Package host makes the whole server of a configuration file: grantor, the
// people who sign in, and the pages they see.
package host

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/examples/server/internal/people"
	"github.com/grantor-go/grantor/examples/server/internal/session"
	"github.com/grantor-go/grantor/examples/server/internal/site"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// A Host is an http.Handler for one issuer.
type Host struct {
	http.Handler

	server   *grantor.Server
	sessions *session.Sessions
	log      *slog.Logger
}

// New makes the server that the file describes. The hasher is the one that the
// file was read with; demo may be nil.
func New(f *config.File, hasher secret.Hasher, log *slog.Logger, demo *site.Demo) (*Host, error) {
	issuer, err := url.Parse(f.Issuer)
	if err != nil {
		return nil, err
	}
	clients, err := client.NewStatic(f.Clients...)
	if err != nil {
		return nil, err
	}
	keys, err := newKeys()
	if err != nil {
		return nil, err
	}
	h := &Host{sessions: session.New(f.Issuer, nil), log: log}
	directory := people.New(hasher, f.People)
	limiter := &grant.Throttle{}
	c := grantor.Config{
		Issuer: f.Issuer, Clients: clients, Store: memory.New(), Keys: keys,
		Session:  h.session,
		Interact: grantor.Pages{Login: f.Issuer + site.SignInPath, Scopes: words()}.Interact,
		Subjects: directory, Scopes: f.Scopes, Resources: f.Resources,
		Lifetimes: grantor.Lifetimes{RefreshRetry: f.RefreshRetry},
		Limiter:   limiter, Secrets: grantor.Secrets{Hasher: hasher},
		Logger: log, Observe: h.observe,
	}
	// The password grant is there only if somebody has asked for it.
	if slices.ContainsFunc(f.Clients, func(c client.Client) bool { return c.MayUse(client.Password) }) {
		c.Password = directory
	}
	if h.server, err = grantor.New(c); err != nil {
		return nil, err
	}
	s := &site.Site{
		Issuer: issuer, Sessions: h.sessions, People: directory, Limiter: limiter,
		Resumes: h.server.Resumes, Log: log, Demo: demo,
	}
	h.Handler = bounded(s.Handler(h.server), func(r *http.Request) bool {
		return r.URL.Path == issuer.Path+site.SignInPath || h.server.Resumes(issuer.Scheme+"://"+issuer.Host+r.RequestURI)
	})
	return h, nil
}

// newKeys makes the signing keys. Tokens are signed with the first, RS256, since
// every client can verify that.
func newKeys() (*token.StaticKeys, error) {
	var keys []token.Key
	for _, alg := range []token.Algorithm{token.RS256, token.ES256} {
		k, err := token.GenerateKey(alg)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return token.NewStaticKeys(keys...)
}

// words say what the scopes with a known meaning allow.
func words() map[string]string {
	return map[string]string{
		"address":        "See your postal address",
		"email":          "See your e-mail address",
		"offline_access": "Stay connected while you are away",
		"phone":          "See your telephone number",
		"profile":        "See your name and other details of your profile",
		"read":           "Read your data",
		"write":          "Change your data",
	}
}

// session tells grantor who is at the browser.
func (h *Host) session(r *http.Request) (*grantor.Session, error) {
	s, ok := h.sessions.Current(r)
	if !ok {
		return nil, nil
	}
	return &grantor.Session{Subject: s.Subject, AuthTime: s.AuthTime, ID: s.ID}, nil
}

// observe logs what goes well; grantor logs the rest itself.
func (h *Host) observe(ctx context.Context, e grantor.Event) {
	if e.Err == nil {
		h.log.InfoContext(ctx, string(e.Kind), "client_id", e.ClientID, "subject", e.Subject, "grant_type", e.GrantType, "remote", e.Remote)
	}
}

// sweepEvery is how often what has expired is deleted.
const sweepEvery = time.Minute

// Run does the work in the background until ctx is done.
func (h *Host) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.sessions.Sweep()
			if err := h.server.Sweep(ctx); err != nil {
				h.log.ErrorContext(ctx, "sweep", "error", err)
			}
		}
	}
}
