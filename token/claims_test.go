package token_test

import (
	"testing"

	"github.com/grantor-go/grantor/token"
)

func TestReserved(t *testing.T) {
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "auth_time", "active", "token_type",
		"ISS", "Client_ID", "\u017Fcope", "to\u212Aen_type",
	} {
		t.Run("JW-22: "+name+" is the protocol's", func(t *testing.T) {
			if !token.Reserved(name) {
				t.Errorf("got false, want true")
			}
		})
	}
	for _, name := range []string{"", "tenant", "issuer", "sub ", "subject", "scopes", "acr", "email"} {
		t.Run("\""+name+"\" is free", func(t *testing.T) {
			if token.Reserved(name) {
				t.Errorf("got true, want false")
			}
		})
	}
}

func TestHasScope(t *testing.T) {
	c := token.Claims{Scopes: []string{"read", "write"}}
	for scope, want := range map[string]bool{"read": true, "write": true, "rea": false, "READ": false, "": false, "read write": false} {
		t.Run("a scope is compared whole and byte by byte: "+scope, func(t *testing.T) {
			if got := c.HasScope(scope); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
