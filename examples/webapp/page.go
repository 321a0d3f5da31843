package main

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed login.html
var files embed.FS

var loginPage = template.Must(template.ParseFS(files, "login.html"))

// showLogin shows the login page, for the first time or again. What it repeats of
// the request is escaped, and trusted by nobody.
func showLogin(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'nonce-"+nonce+"'")
	_ = loginPage.Execute(w, map[string]any{ // the person is gone if this fails
		"Nonce": nonce, "ReturnTo": r.FormValue("return_to"), "Username": r.FormValue("username"),
		"Failed": r.Method == http.MethodPost,
	})
}

// The session cookie. Its prefix keeps other hosts from setting it (RFC 6265bis
// §4.1.3); most browsers let loopback have it without https.
const (
	cookieName  = "__Host-session"
	signedInFor = 8 * time.Hour
)

func sessionCookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(signedInFor / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
