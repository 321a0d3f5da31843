// Package site is what people see of the server besides the pages of grantor
// itself: signing in, signing out, and a front page.
package site

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/grantor-go/grantor/examples/server/internal/people"
	"github.com/grantor-go/grantor/examples/server/internal/session"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
)

//go:embed pages
var files embed.FS

// SignInPath is where the sign-in page is, below the issuer.
const SignInPath = "/signin"

// A Site has the pages. All fields but Demo are required.
type Site struct {
	Issuer   *url.URL
	Sessions *session.Sessions
	People   *people.Directory
	Limiter  grant.Limiter
	// Resumes reports whether a URL leads back to the request that the person
	// comes from. The sign-in page goes nowhere else.
	Resumes func(string) bool
	Log     *slog.Logger
	Demo    *Demo // what the front page offers to try; nil: nothing
}

// A Demo is a request to try, made by a program on the person's device.
type Demo struct {
	AuthorizeURL string
	// Exchange is a command that redeems a code, without that code at its end.
	Exchange string
}

// CallbackPath is where the demo's requests are answered to, below the issuer.
const CallbackPath = "/demo/callback"

// Handler serves the site's paths, and hands everything else to next.
func (s *Site) Handler(next http.Handler) http.Handler {
	p := &pages{Site: s, templates: template.Must(template.ParseFS(files, "pages/*.html"))}
	own := http.NewCrossOriginProtection()
	if err := own.AddTrustedOrigin(s.Issuer.Scheme + "://" + s.Issuer.Host); err != nil {
		panic(err) // grantor.New has accepted the issuer
	}
	own.SetDenyHandler(http.HandlerFunc(p.refuse))
	base := s.Issuer.Path
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET "+base+"/{$}", p.front)
	mux.HandleFunc("GET "+base+SignInPath, p.showSignIn)
	mux.Handle("POST "+base+SignInPath, own.Handler(http.HandlerFunc(p.signIn)))
	mux.Handle("POST "+base+"/signout", own.Handler(http.HandlerFunc(p.signOut)))
	if s.Demo != nil {
		mux.HandleFunc("GET "+base+CallbackPath, p.callback)
	}
	return mux
}

// pages renders the site.
type pages struct {
	*Site
	templates *template.Template
}

// A page is what every template gets.
type page struct {
	Nonce string
	Title string // whose page it is: the issuer's host
	Base  string // path of the issuer
	Form  string // proves that a form on the page was opened in this browser
	Name  string // who is signed in; empty: nobody
	Data  any
}

// show renders a page. No page is kept by a cache, framed, or told to load
// anything (RFC 9700 §4.16, §4.2.4). There is no form-action directive: browsers
// apply it to the redirects that follow a form, which lead to clients.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	v := page{Nonce: rand.Text(), Title: p.Issuer.Host, Base: p.Issuer.Path, Form: p.Sessions.FormToken(w, r), Data: data}
	if who, ok := p.Sessions.Current(r); ok {
		v.Name = p.People.Name(who.Subject)
	}
	var body bytes.Buffer
	if err := p.templates.ExecuteTemplate(&body, name, v); err != nil {
		p.Log.ErrorContext(r.Context(), "page", "name", name, "error", err)
		http.Error(w, "the page could not be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'nonce-"+v.Nonce+"'")
	if p.Issuer.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the person is gone if this fails
}

// front is the front page.
func (p *pages) front(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "front.html", front{Demo: p.Demo, SignedOut: r.URL.Query().Has("signed_out")})
}

type front struct {
	Demo      *Demo
	SignedOut bool
	Problem   string
}

// refuse answers a form that was not opened here, or is none.
func (p *pages) refuse(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusForbidden, "front.html", front{Demo: p.Demo, Problem: staleForm})
}

// callback stands in for the client of the demo: it shows what came back, and the
// command that a real client's request amounts to. People will paste that into a
// shell, so what stands in for the code must be one.
func (p *pages) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a := answer{State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error"), Description: q.Get("error_description")}
	if code, err := (secret.Format{}).Parse(q.Get("code")); err == nil && code.Kind() == secret.Code {
		a.Command = p.Demo.Exchange + code.Reveal()
	}
	p.show(w, r, http.StatusOK, "callback.html", a)
}

// An answer is an authorization response (RFC 6749 §4.1.2, RFC 9207).
type answer struct{ Command, State, Issuer, Error, Description string }

// remote is the peer's IP address.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
