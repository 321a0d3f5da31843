package interop_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// styles are the ways in which golang.org/x/oauth2 authenticates a client.
var styles = map[string]oauth2.AuthStyle{
	"found out by trying": oauth2.AuthStyleAutoDetect,
	"in the header":       oauth2.AuthStyleInHeader,
	"in the body":         oauth2.AuthStyleInParams,
}

const goCallback = "http://localhost:3000/callback"

func goConfig(issuer string, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{
		ClientID: webID, ClientSecret: webSecret, RedirectURL: goCallback, Scopes: []string{"read", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: issuer + "/authorize", TokenURL: issuer + "/token", AuthStyle: style},
	}
}

// expired is a token that has to be refreshed before it is used.
func expired(t *oauth2.Token) *oauth2.Token {
	return &oauth2.Token{AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, Expiry: time.Now().Add(-time.Hour)}
}

func TestGoClient(t *testing.T) {
	issuer := startServer(t, webClient(goCallback), appClient())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	for name, style := range styles {
		t.Run("authorization code with PKCE, and refresh, the client "+name, func(t *testing.T) {
			c, verifier := goConfig(issuer, style), oauth2.GenerateVerifier()
			back := newPerson(t).allow(c.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier)))
			require.Equal(t, "st", back.Query().Get("state"))
			tok, err := c.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
			require.NoError(t, err)
			require.True(t, tok.Valid())
			require.Equal(t, "Bearer", tok.Type())
			require.Equal(t, "read offline_access", tok.Extra("scope"))
			require.WithinDuration(t, time.Now().Add(10*time.Minute), tok.Expiry, time.Minute)

			next, err := c.TokenSource(ctx, expired(tok)).Token()
			require.NoError(t, err)
			if next.AccessToken == tok.AccessToken || next.RefreshToken == tok.RefreshToken {
				t.Error("the refresh returned what was there before")
			}
			again, err := c.TokenSource(ctx, expired(tok)).Token()
			require.NoError(t, err, "a lost response logs nobody out")
			require.Equal(t, next.RefreshToken, again.RefreshToken)
		})
		t.Run("client credentials, the client "+name, func(t *testing.T) {
			c := clientcredentials.Config{
				ClientID: webID, ClientSecret: webSecret, TokenURL: issuer + "/token", Scopes: []string{"read"}, AuthStyle: style,
				EndpointParams: url.Values{"resource": {resource}},
			}
			tok, err := c.Token(ctx)
			require.NoError(t, err)
			require.True(t, tok.Valid())
			require.Empty(t, tok.RefreshToken)
		})
		t.Run("password, the client "+name, func(t *testing.T) {
			c := goConfig(issuer, style)
			tok, err := c.PasswordCredentialsToken(ctx, username, password)
			require.NoError(t, err)
			require.True(t, tok.Valid())
			_, err = c.TokenSource(ctx, expired(tok)).Token()
			require.NoError(t, err)
		})
	}
	t.Run("a public client with any loopback port", func(t *testing.T) {
		c, verifier := goConfig(issuer, oauth2.AuthStyleInParams), oauth2.GenerateVerifier()
		c.ClientID, c.ClientSecret, c.RedirectURL = "app", "", "http://127.0.0.1:54321/callback"
		back := newPerson(t).allow(c.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier)))
		require.Equal(t, "127.0.0.1:54321", back.Host)
		tok, err := c.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
		require.NoError(t, err)
		_, err = c.TokenSource(ctx, expired(tok)).Token()
		require.NoError(t, err)
	})
	t.Run("refusals come as errors with their codes", func(t *testing.T) {
		c := goConfig(issuer, oauth2.AuthStyleInHeader)
		for want, try := range map[string]func() error{
			"invalid_grant": func() error { _, err := c.Exchange(ctx, "nonsense", oauth2.VerifierOption("x")); return err },
			"invalid_client": func() error {
				wrong := *c
				wrong.ClientSecret = "wrong"
				_, err := wrong.PasswordCredentialsToken(ctx, username, password)
				return err
			},
		} {
			var refusal *oauth2.RetrieveError
			require.True(t, errors.As(try(), &refusal), want)
			require.Equal(t, want, refusal.ErrorCode)
			require.NotEqual(t, http.StatusOK, refusal.Response.StatusCode)
		}
		_, err := c.PasswordCredentialsToken(ctx, username, "wrong")
		var refusal *oauth2.RetrieveError
		require.True(t, errors.As(err, &refusal))
		require.Equal(t, "invalid_grant", refusal.ErrorCode)
	})
}
