package grantor

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

// Paths of the endpoints, below the issuer.
const (
	authorizePath  = "/authorize"
	continuePath   = "/authorize/continue"
	tokenPath      = "/token"
	introspectPath = "/introspect"
	revokePath     = "/revoke"
	keysPath       = "/jwks"
)

// A Server is an authorization server for one issuer. It is an http.Handler for
// everything below the issuer, and for the well-known paths that RFC 8414 puts
// beside it. Make one with [New]; it is safe for concurrent use, starts no
// goroutine and needs no closing.
type Server struct {
	issuer string
	path   string // of the issuer, without trailing slash; may be empty

	clients       client.Source
	authenticator client.Authenticator
	keys          token.KeySource
	ledger        grant.Ledger
	subjects      Subjects
	session       func(*http.Request) (*Session, error)
	interact      func(http.ResponseWriter, *http.Request, *Interaction)
	showError     func(http.ResponseWriter, *http.Request, *oautherr.Error)
	crossOrigin   http.CrossOriginProtection

	scopes    []string
	resources map[string]*target
	fallback  *target // for requests that name no resource
	formats   []token.Format
	lifetimes Lifetimes

	handlers            map[string]grant.Handler
	grantTypes          []string
	tokenParameters     []string
	authorizeParameters []string
	claimHooks          []func(context.Context, Issuance) (map[string]any, error)
	responseHooks       []func(context.Context, Issuance) (map[string]any, error)
	grantingHooks       []func(context.Context, form.Values, *Session, *grant.Grant) error
	metadata            map[string]any
	router              router

	cookie  cookie
	log     *slog.Logger
	observe func(context.Context, Event)
	now     func() time.Time
}

// A target is where access tokens go: a resource, or the default audience.
type target struct {
	audience []string
	scopes   []string // empty: all
	format   token.Format
	opaque   bool // format is token.Opaque: the server mints its own reference tokens
	lifetime time.Duration
}

// agrees reports whether one token can serve both targets.
func (t *target) agrees(other *target) bool {
	a, b := reflect.ValueOf(t.format), reflect.ValueOf(other.format)
	return t.lifetime == other.lifetime && a.Comparable() && b.Comparable() && a.Equal(b)
}

// New makes a Server, or returns every problem of the Config, joined: each is a
// *ConfigError that names the field and the remedy, or an error of an extension.
// It does not touch the Store.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	s := &Server{
		issuer: c.Issuer, path: u.Path,
		clients: c.Clients, keys: c.Keys, subjects: c.Subjects,
		session: c.Session, interact: c.Interact, showError: c.ErrorPage,
		scopes: c.Scopes, lifetimes: c.Lifetimes.withDefaults(),
		handlers: map[string]grant.Handler{}, metadata: map[string]any{},
		cookie: newCookie(c.Issuer, u.Scheme == "https"),
		log:    c.Logger, observe: c.Observe, now: c.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.ledger = grant.Ledger{Issuer: c.Issuer, Store: c.Store, Format: c.Secrets.format(), Peppers: c.Secrets.Peppers}
	if err := s.crossOrigin.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, err
	}
	s.target(c)
	if err := s.build(c); err != nil {
		return nil, err
	}
	return s, nil
}

// target works out the formats and lifetimes of access tokens.
func (s *Server) target(c Config) {
	jwt := &token.JWT{Issuer: c.Issuer, Keys: c.Keys, Now: s.now}
	if c.Keys != nil {
		s.formats = append(s.formats, jwt)
	}
	format := s.complete(c.AccessTokens, jwt)
	audience := c.Audience
	if audience == "" {
		audience = c.Issuer
	}
	s.fallback = &target{audience: []string{audience}, format: format, lifetime: s.lifetimes.AccessToken}
	_, s.fallback.opaque = format.(token.Opaque)
	s.resources = make(map[string]*target, len(c.Resources))
	for _, r := range c.Resources {
		t := &target{audience: []string{r.Identifier}, scopes: r.Scopes, format: format, lifetime: s.lifetimes.AccessToken}
		if r.AccessTokens != nil {
			t.format = s.complete(r.AccessTokens, jwt)
		}
		_, t.opaque = t.format.(token.Opaque)
		if r.Lifetime != 0 {
			t.lifetime = r.Lifetime
		}
		s.resources[r.Identifier] = t
	}
	if t := s.resources[audience]; t != nil {
		s.fallback = t
	}
}

// complete fills in a configured format: nil and the zero token.JWT stand for the
// server's own JWTs, and reference tokens get the server's brand, by which they
// are known when they come back. Formats of the host are asked to read whatever
// the server's own do not.
func (s *Server) complete(f token.Format, jwt *token.JWT) token.Format {
	switch own := f.(type) {
	case nil:
		return jwt
	case token.Opaque, *token.Opaque:
		return token.Opaque{Format: s.ledger.Format}
	case *token.JWT:
		if own.Issuer == "" && own.Keys == nil {
			return jwt
		}
	}
	s.formats = append(s.formats, f)
	return f
}

// build registers what the server itself brings, then the extensions. Both use
// the same Builder.
func (s *Server) build(c Config) error {
	b := &Builder{s: s}
	secrets := &client.Secrets{Checker: c.Secrets.checker(), Now: s.now, Upgrade: c.Secrets.Upgrade}
	s.authenticator.Source = c.Clients
	s.tokenParameters = []string{"grant_type", "scope", "client_id", "token", "token_type_hint"}
	s.authorizeParameters = slices.Clone(authorizeParameters[:])

	var errs []error
	try := func(err error) { errs = append(errs, err) }
	for _, m := range secrets.Methods() {
		try(b.Method(m, "client_secret"))
	}
	try(b.Grant(grant.ClientCredentials{}))
	if c.Session != nil {
		try(b.Grant(grant.AuthorizationCode{}, "code", "redirect_uri", "code_verifier"))
	}
	try(b.Grant(grant.RefreshToken{Retry: s.lifetimes.RefreshRetry}, "refresh_token"))
	if c.Password != nil {
		limiter := c.Limiter
		if limiter == nil {
			limiter = &grant.Throttle{}
		}
		try(b.Grant(grant.Password{Verifier: c.Password, Limiter: limiter}, "username", "password"))
	}
	if c.Claims != nil {
		b.Claims(c.Claims)
	}
	if c.Response != nil {
		b.Response(c.Response)
	}
	s.route()
	for _, e := range c.Extensions {
		try(e.Extend(b))
	}
	return errors.Join(errs...)
}

// ServeHTTP answers every endpoint below the issuer, and the well-known paths
// for it. Mounted under a prefix with http.StripPrefix it still knows its own
// paths; what StripPrefix never passes on, the well-known paths at the root, a
// host mounts from [Server.Routes].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := s.router.find(r)
	if e == nil {
		s.notFound(w)
		return
	}
	s.serve(w, r, e)
}

// serve answers an endpoint, and keeps a panic in host code from taking the
// process down or showing a stack.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e *endpoint) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked(w, r, v)
		}
	}()
	if len(r.TransferEncoding) > 0 {
		// net/http drops a Content-Length that came beside it, unseen. Whoever is in
		// front may have gone by that, so nothing that follows counts, RFC 9112 §6.1.
		w.Header().Set("Connection", "close")
	}
	if e.page {
		// Neither what the URL says nor the answer is for anybody else, RFC 9700 §4.2.4.
		h := w.Header()
		h["Cache-Control"] = headerNoStore
		h["Referrer-Policy"] = headerNoReferrer
	}
	if !e.accepts(r.Method) {
		s.notAllowed(w, r, e)
		return
	}
	if e.cors {
		s.preliminaryCORS(w, r)
	}
	e.serve(w, r)
}

// Routes yields each path the server answers, as a pattern for http.ServeMux,
// with its handler. A host that mounts the server under a prefix of its mux uses
// it in place of ServeHTTP:
//
//	for pattern, handler := range server.Routes() {
//		mux.Handle(pattern, handler)
//	}
func (s *Server) Routes() iter.Seq2[string, http.Handler] {
	return func(yield func(string, http.Handler) bool) {
		for path, e := range s.router.sorted() {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, e) })
			if !yield(path, h) {
				return
			}
		}
	}
}

// Sweep deletes what has expired, at most a few thousand records at a time. The
// host calls it now and then, for example every few minutes; nothing depends on
// when.
func (s *Server) Sweep(ctx context.Context) error {
	const batch = 5000
	q := store.Query{ExpiredAt: s.now(), Limit: batch}
	for {
		n, err := s.ledger.Store.Delete(ctx, q)
		if err != nil || n < batch {
			return err
		}
	}
}

func (c Secrets) format() secret.Format { return secret.Format{Brand: c.Brand} }

func (c Secrets) checker() *secret.Checker {
	return &secret.Checker{Format: c.format(), Peppers: c.Peppers, Hasher: c.Hasher, Decoys: c.Decoys}
}
