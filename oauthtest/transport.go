package oauthtest

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
)

// Client returns an HTTP client that reaches the server, and what else was
// mounted, by calling it. Every other host is unreachable. It keeps no cookies.
//
// It fits wherever a library takes an *http.Client, for example in the context
// of golang.org/x/oauth2, or in a resource.JWTConfig.
func (s *Server) Client() *http.Client { return &http.Client{Transport: transport{s}} }

// Mount makes h answer for another origin, such as "https://api.example": an API,
// or an application with its callback.
func (s *Server) Mount(origin string, h http.Handler) {
	s.t.Helper()
	u, err := url.Parse(origin)
	s.must(err)
	if u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		s.t.Fatalf("oauthtest: %q is no origin; write scheme://host[:port]", origin)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[origin] = h
}

func (s *Server) host(u *url.URL) (http.Handler, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hosts[u.Scheme+"://"+u.Host]
	return h, ok
}

// A transport answers requests by calling handlers, on the goroutine that asks.
type transport struct{ s *Server }

// RoundTrip sends the request to the handler for its origin.
func (t transport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	h, ok := t.s.host(r.URL)
	if !ok {
		return nil, fmt.Errorf("oauthtest: nothing is mounted at %s://%s", r.URL.Scheme, r.URL.Host)
	}
	in, err := incoming(r)
	if err != nil {
		return nil, err
	}
	defer func() {
		if v := recover(); v != nil { // as net/http does: the connection breaks
			res, err = nil, fmt.Errorf("oauthtest: the handler panicked: %v", v)
		}
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err // the deadline passed meanwhile
	}
	res = w.Result()
	res.Request = r
	if r.Method == http.MethodHead {
		res.Body = http.NoBody
	}
	return res, nil
}

// incoming is the request as a server sees it.
func incoming(r *http.Request) (*http.Request, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	u, err := url.ParseRequestURI(in.RequestURI)
	if err != nil {
		return nil, err
	}
	in.URL = u
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RemoteAddr = "192.0.2.1:1234" // TEST-NET, as package httptest has it
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: in.Host}
	}
	return in, nil
}
