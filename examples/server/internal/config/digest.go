package config

import (
	"context"
	"errors"
	"fmt"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// digest puts digests where the secrets were, and forgets those.
func (f *File) digest(ctx context.Context, h secret.Hasher) error {
	checker := &secret.Checker{Hasher: h}
	for i := range f.Clients {
		c := &f.Clients[i]
		plain, ok := f.secrets[c.ID]
		if !ok {
			continue
		}
		d, err := checker.Digest(ctx, plain)
		if err != nil {
			return fmt.Errorf("client_secret of %q: %w", c.ID, err)
		}
		c.Secrets = []client.Secret{{ID: "file", Digest: d}}
	}
	for i := range f.People {
		p := &f.People[i]
		d, err := h.Hash(ctx, f.passwords[i])
		if err != nil {
			return fmt.Errorf("password of %q: %w", p.Username, err)
		}
		p.Password = d
	}
	f.secrets, f.passwords = nil, nil
	return nil
}

// tryOut lets grantor.New and client.NewStatic find what is wrong with the rest,
// and says it in words of the file. Nothing of the trial is kept.
func (f *File) tryOut(o *object) {
	_, err := grantor.New(grantor.Config{
		Issuer: f.Issuer, Clients: &client.Static{}, Store: memory.New(), Keys: &token.Ring{},
		Scopes: f.Scopes, Resources: f.Resources,
		Lifetimes: grantor.Lifetimes{RefreshRetry: f.RefreshRetry},
	})
	words := configWords()
	for _, e := range unjoin(err) {
		if c := (*grantor.ConfigError)(nil); errors.As(e, &c) {
			words.say(o, c.Field, c.Problem)
		} else {
			o.say("the file", "is not usable: %v", e)
		}
	}
}

// unjoin returns the errors that errors.Join joined.
func unjoin(err error) []error {
	switch e := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	default:
		return []error{err}
	}
}
