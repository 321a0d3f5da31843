package site

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
)

// maxForm bounds a form, in bytes. What the longest comes with is the URL of the
// request that waits.
const maxForm = 64 << 10

// signIn is the sign-in page.
type signIn struct {
	ReturnTo string
	Username string
	Problem  string // what went wrong the last time
	// Continue says that whoever is signed in may go on as they are.
	Continue bool
}

// Things that go wrong.
const (
	wrongPassword = "That username and password do not match. Please try again."
	tooManyTries  = "Too many attempts. Please wait a moment and try again."
	outOfOrder    = "The server is busy. Please try again in a moment."
	staleForm     = "This page was open for too long, or your browser keeps no cookies. Please try again."
)

// showSignIn shows the page. What it is told in the URL is not to be trusted: it
// goes back to a request of this server only, and the username is a suggestion.
func (p *pages) showSignIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	_, known := p.Sessions.Current(r)
	to := p.local(q.Get("return_to"))
	p.show(w, r, http.StatusOK, "signin.html", signIn{
		ReturnTo: to, Username: q.Get("login_hint"),
		Continue: known && to != "" && q.Get("prompt") == "select_account",
	})
}

// signIn reads the form. The cookie is replaced when somebody signs in, so one
// that was planted before is worth nothing.
func (p *pages) signIn(w http.ResponseWriter, r *http.Request) {
	f, err := form.Body(r, maxForm)
	if err != nil {
		p.refuse(w, r)
		return
	}
	page := signIn{ReturnTo: p.local(f.Value("return_to")), Username: f.Value("username")}
	if !p.Sessions.Genuine(r, f.Value("form")) {
		page.Problem = staleForm
		p.show(w, r, http.StatusForbidden, "signin.html", page)
		return
	}
	attempt := grant.Attempt{Kind: "password", Account: page.Username, Source: remote(r), Now: time.Now()}
	subject, err := p.verify(w, r, attempt, f.Value("password"))
	switch {
	case err == nil:
		p.Sessions.Begin(w, r, subject)
		p.Log.InfoContext(r.Context(), "signed in", "subject", subject, "remote", attempt.Source)
		p.leave(w, r, page.ReturnTo, "/")
		return
	case errors.Is(err, grant.ErrWrongPassword):
		page.Problem = wrongPassword
		p.show(w, r, http.StatusOK, "signin.html", page)
		return
	case errors.Is(err, errTooMany):
		page.Problem = tooManyTries
		p.show(w, r, http.StatusTooManyRequests, "signin.html", page)
		return
	}
	p.Log.ErrorContext(r.Context(), "sign-in", "error", err)
	page.Problem = outOfOrder
	w.Header().Set("Retry-After", "1")
	p.show(w, r, http.StatusServiceUnavailable, "signin.html", page)
}

var errTooMany = errors.New("too many attempts")

// verify returns the subject if the password is right. It asks the limiter first.
// The username is not logged: people type their password there.
func (p *pages) verify(w http.ResponseWriter, r *http.Request, a grant.Attempt, password string) (string, error) {
	wait, err := p.Limiter.Allow(r.Context(), a)
	if err != nil {
		return "", err
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return "", errTooMany
	}
	subject, err := p.People.VerifyPassword(r.Context(), a.Account, password)
	if err == nil || errors.Is(err, grant.ErrWrongPassword) {
		p.Limiter.Record(r.Context(), a, err == nil)
	}
	if errors.Is(err, grant.ErrWrongPassword) {
		p.Log.InfoContext(r.Context(), "sign-in refused", "remote", a.Source)
	}
	return subject, err
}

// signOut ends the session.
func (p *pages) signOut(w http.ResponseWriter, r *http.Request) {
	f, err := form.Body(r, maxForm)
	if err != nil || !p.Sessions.Genuine(r, f.Value("form")) {
		p.refuse(w, r)
		return
	}
	p.Sessions.End(w, r)
	p.leave(w, r, "", "/?signed_out")
}

// local returns the URL if it leads back to a request of this server.
func (p *pages) local(to string) string {
	if !p.Resumes(to) {
		return ""
	}
	return to
}

// leave sends the browser to the URL, or to the path of the site if that is empty.
func (p *pages) leave(w http.ResponseWriter, r *http.Request, to, path string) {
	if to == "" {
		to = p.Issuer.Path + path
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to, http.StatusSeeOther)
}
