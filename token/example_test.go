package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

// The authorization server mints and the same process verifies.
func ExampleJWT() {
	ctx := context.Background()
	format := &token.JWT{Issuer: "https://as.example", Keys: &token.Ring{}}

	now := time.Now()
	minted, err := format.Mint(ctx, token.Claims{
		Subject:  "alice",
		ClientID: "notes-app",
		Audience: []string{"https://notes.example"},
		Scopes:   []string{"notes:read"},
		ID:       "7f3a9c",
		IssuedAt: now,
		Expires:  now.Add(10 * time.Minute),
		Extra:    map[string]any{"tenant": "acme"},
	})
	if err != nil {
		log.Fatal(err)
	}

	claims, err := format.Parse(ctx, minted)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject, claims.HasScope("notes:read"), claims.Extra["tenant"])

	_, err = format.Parse(ctx, minted+"A")
	fmt.Println(errors.Is(err, oautherr.InvalidToken))
	// Output:
	// alice true acme
	// true
}

// An API in another process has the issuer's key set and nothing else.
func ExampleParseJWKSet() {
	ctx := context.Background()
	ring := &token.Ring{Algorithm: token.EdDSA}
	server := &token.JWT{Issuer: "https://as.example", Keys: ring}
	now := time.Now()
	minted, err := server.Mint(ctx, token.Claims{
		Subject: "alice", ClientID: "notes-app", Audience: []string{"https://notes.example"},
		ID: "1", IssuedAt: now, Expires: now.Add(10 * time.Minute),
	})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := ring.Keys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	document, err := token.JWKSet(keys) // served at jwks_uri
	if err != nil {
		log.Fatal(err)
	}

	published, err := token.ParseJWKSet(document)
	if err != nil {
		log.Fatal(err)
	}
	api := &token.JWT{
		Issuer:   "https://as.example",
		Keys:     fetched{published},
		Audience: "https://notes.example",
		Leeway:   30 * time.Second,
	}
	claims, err := api.Parse(ctx, minted)
	fmt.Println(claims.Subject, err)
	// Output: alice <nil>
}

// fetched is a KeySource of keys that were fetched.
type fetched struct{ keys []token.Key }

func (f fetched) Keys(context.Context) ([]token.Key, error) { return f.keys, nil }

// Any crypto.Signer will do, so a key need not be in this process. A key that no
// longer signs stays, without its Signer, until its last token has expired.
func ExampleNewStaticKeys() {
	inKMS, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // stands for a client of the KMS
	if err != nil {
		log.Fatal(err)
	}
	retired, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewStaticKeys(
		token.Key{ID: "2026-02", Algorithm: token.ES256, Signer: inKMS},
		token.Key{ID: "2025-11", Algorithm: token.ES256, Public: retired.Signer.Public()},
	)
	if err != nil {
		log.Fatal(err)
	}
	all, _ := keys.Keys(context.Background())
	fmt.Println(all)
	// Output: [token.Key(ES256, "2026-02") token.Key(ES256, "2025-11")]
}

// A key may have leaked: every token it signed is dead when Rotate returns.
func ExampleRing_Rotate() {
	ctx := context.Background()
	ring := &token.Ring{}
	before, _ := ring.Keys(ctx)
	if err := ring.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	after, _ := ring.Keys(ctx)
	fmt.Println(len(after), after[0].ID == before[0].ID)
	// Output: 1 false
}

// A reference token says only which grant to look up.
func ExampleOpaque() {
	ctx := context.Background()
	format := token.Opaque{Format: secret.Format{Brand: "acme"}}
	grant := format.Format.NewLocator()
	minted, err := format.Mint(ctx, token.Claims{GrantID: grant})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := format.Parse(ctx, minted)
	fmt.Println(minted[:8], claims.GrantID == grant, err)
	// Output: acme_at_ true <nil>
}

func ExampleReserved() {
	fmt.Println(token.Reserved("sub"), token.Reserved("Sub"), token.Reserved("tenant"))
	// Output: true true false
}
