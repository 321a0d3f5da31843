// Command webapp is a web application with people of its own that lets other
// programs use its API, when its people agree. What it takes is in this file: its
// login, grantor beside it, and a guard before the API. page.go has the looks of
// the login page, demo.go something to try.
package main

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// A host is the application: the people it knows, and who is signed in.
type host struct {
	server    *grantor.Server
	people    map[string]secret.Digest // digests of passwords, by username
	passwords secret.Slow
	sessions  sync.Map // of *grantor.Session, by the value of the cookie
}

// newHost joins the authorization server, the login and the API.
func newHost(issuer string, clients client.Source, people map[string]secret.Digest) (http.Handler, error) {
	h := &host{people: people}
	server, err := grantor.New(grantor.Config{
		Issuer: issuer, Clients: clients, Store: memory.New(), Keys: &token.Ring{}, Logger: slog.Default(),
		Session: h.session, Interact: grantor.Pages{Login: issuer + "/login"}.Interact,
	})
	if err != nil {
		return nil, err
	}
	h.server = server
	mux := http.NewServeMux()
	mux.Handle("/", server)
	mux.HandleFunc("GET /login", showLogin)
	mux.Handle("POST /login", http.NewCrossOriginProtection().Handler(http.HandlerFunc(h.login)))
	mux.Handle("GET /api/me", resource.Guard{Verifier: server}.Require("read")(http.HandlerFunc(me)))
	return http.MaxBytesHandler(mux, 64<<10), nil
}

// session says who is at the browser. It believes its own cookie and nothing else.
func (h *host) session(r *http.Request) (*grantor.Session, error) {
	if c, err := r.Cookie(cookieName); err == nil {
		if v, ok := h.sessions.Load(c.Value); ok && time.Since(v.(*grantor.Session).AuthTime) < signedInFor {
			return v.(*grantor.Session), nil
		}
	}
	return nil, nil // nobody
}

// login signs a person in, and sends the browser back to the request that waits.
func (h *host) login(w http.ResponseWriter, r *http.Request) {
	username, to := r.PostFormValue("username"), r.PostFormValue("return_to")
	matches, _, err := h.passwords.Verify(r.Context(), h.people[username], r.PostFormValue("password"))
	if err != nil || !matches {
		showLogin(w, r)
		return
	}
	fresh := rand.Text() // whatever cookie the browser had before is worth nothing
	h.sessions.Store(fresh, &grantor.Session{Subject: username, AuthTime: time.Now(), ID: rand.Text()})
	http.SetCookie(w, sessionCookie(fresh))
	if !h.server.Resumes(to) {
		to = "/" // nowhere else
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
