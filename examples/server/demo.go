package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/examples/server/internal/host"
	"github.com/grantor-go/grantor/examples/server/internal/site"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/secret"
)

// demo is the configuration without its addresses and secrets.
//
//go:embed demo.json
var demo string

// runDemo serves a small configuration on the address and prints what to try. The
// client secrets, and the verifier of the one request it prepares, are new each
// time.
func runDemo(ctx context.Context, listen string, hasher secret.Hasher, log *slog.Logger) error {
	l, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; use -listen for the demo", err)
	}
	if err != nil {
		return err
	}
	issuer := "http://" + l.Addr().String()
	web, machine := secret.Format{}.New(secret.ClientSecret), secret.Format{}.New(secret.ClientSecret)
	text := strings.NewReplacer("ISSUER", issuer, "LISTEN", l.Addr().String(),
		"WEB-SECRET", web.Reveal(), "MACHINE-SECRET", machine.Reveal()).Replace(demo)
	f, err := config.Read(ctx, []byte(text), hasher)
	if err != nil {
		return err
	}
	d := try(issuer)
	h, err := host.New(f, hasher, log, d)
	if err != nil {
		return err
	}
	fmt.Print(strings.NewReplacer("ISSUER", issuer, "AUTHORIZE", d.AuthorizeURL,
		"WEB-SECRET", web.Reveal(), "MACHINE-SECRET", machine.Reveal()).Replace(tour))
	return serve(ctx, l, f, h, log)
}

// try prepares a request of the demo's public client.
func try(issuer string) *site.Demo {
	verifier := pkce.NewVerifier()
	q := url.Values{
		"response_type": {"code"}, "client_id": {"phone-app"}, "redirect_uri": {issuer + site.CallbackPath},
		"scope": {"read offline_access"}, "state": {"remember-me"},
		"code_challenge": {pkce.Challenge(verifier)}, "code_challenge_method": {pkce.S256},
	}
	return &site.Demo{
		AuthorizeURL: issuer + "/authorize?" + q.Encode(),
		Exchange: strings.Join([]string{
			"curl " + issuer + "/token", "-d grant_type=authorization_code", "-d client_id=phone-app",
			"-d redirect_uri=" + issuer + site.CallbackPath, "-d code_verifier=" + verifier, "-d code=",
		}, " \\\n  "),
	}
}

const tour = `This is a demo: everything is in memory, and its secrets are new each time.

  front page   ISSUER/
  metadata     ISSUER/.well-known/oauth-authorization-server
  sign in as   alice, with the password wonderland

A program gets a token for itself:

  curl -u 'machine:MACHINE-SECRET' -d grant_type=client_credentials -d scope=read ISSUER/token

A person lets an application in; open this in a browser:

  AUTHORIZE

A web application of yours can be the client web-app, with the redirect URI
http://127.0.0.1:3000/callback:

  issuer         ISSUER
  client_id      web-app
  client_secret  WEB-SECRET

It may also ask what any token is worth (append an access token):

  curl -u 'web-app:WEB-SECRET' ISSUER/introspect -d token=

`
