package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/secret"
)

// main runs the application on a loopback address, which can be given as an
// argument, and prints how to try it. The person is alice, her password is
// wonderland; the program that wants her data is a public client with PKCE.
func main() {
	addr := append(os.Args, "127.0.0.1:8080")[1]
	issuer, verifier := "http://"+addr, pkce.NewVerifier()
	clients, invalid := client.NewStatic(client.Client{
		ID: "reader", Name: "The Reader", ApplicationType: client.Native,
		AuthMethods:  []string{client.MethodNone}, // it cannot keep a secret
		GrantTypes:   []string{client.AuthorizationCode, client.RefreshToken},
		RedirectURIs: []string{"http://127.0.0.1/callback", "http://localhost/callback"}, Scopes: []string{"read"},
	})
	password, failed := new(secret.Slow).Hash(context.Background(), "wonderland")
	h, wrong := newHost(issuer, clients, map[string]secret.Digest{"alice": password})
	if err := errors.Join(invalid, failed, wrong); err != nil {
		log.Fatal(err)
	}
	demo := http.NewServeMux()
	demo.Handle("/", h)
	demo.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "This is the application's front page.") })
	demo.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) { callback(w, r, issuer, verifier) })
	fmt.Printf("Sign in as alice, with the password wonderland, at\n\n  %s\n\n", request(issuer, verifier))
	server := &http.Server{Addr: addr, Handler: demo, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// me is the API: it says whose token it is.
func me(w http.ResponseWriter, r *http.Request) {
	claims, _ := resource.Claims(r) // the guard has let nobody pass without
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"username": claims.Subject, "through": claims.ClientID}) // the caller is gone if this fails
}

// request is what the client sends the browser to.
func request(issuer, verifier string) string {
	return issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"reader"}, "redirect_uri": {issuer + "/callback"}, "scope": {"read"},
		"code_challenge": {pkce.Challenge(verifier)}, "code_challenge_method": {pkce.S256},
	}.Encode()
}

// callback stands in for the client: it says what to do with the code. That goes
// into a shell, so only what is a code is shown.
func callback(w http.ResponseWriter, r *http.Request, issuer, verifier string) {
	code, err := secret.Format{}.Parse(r.URL.Query().Get("code"))
	if err != nil || code.Kind() != secret.Code {
		http.Error(w, "the client got no code", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "The client gets tokens with\n\n  curl -d grant_type=authorization_code -d client_id=reader -d redirect_uri=%s/callback -d code_verifier=%s -d code=%s %s/token\n\n", issuer, verifier, code.Reveal(), issuer)
	fmt.Fprintf(w, "and uses the access_token with\n\n  curl %s/api/me -H \"Authorization: Bearer $access_token\"\n", issuer)
}
