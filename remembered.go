package grantor

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/grantor-go/grantor/store"
)

// kindConsent are records of what a subject agreed to for a client.
const kindConsent store.Kind = "consent"

// consentRecord is the data of a remembered consent: which scopes at which
// resource. What was agreed to at one says nothing of another.
type consentRecord struct {
	Version int                 `json:"v"`
	Scopes  map[string][]string `json:"scopes"` // by resource; "" is the default audience
	At      int64               `json:"at"`     // Unix seconds
}

// targets are the resources that a request is about.
func (a *authorization) targets() []string {
	if len(a.resources) == 0 {
		return []string{""}
	}
	return a.resources
}

// consentID names the record; ids of clients and subjects may be anything, so
// they are digested.
func (s *Server) consentID(subject, clientID string) string {
	sum := sha256.Sum256([]byte(s.issuer + " " + url.QueryEscape(subject) + " " + url.QueryEscape(clientID)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// recall returns what the subject agreed to for the client, and its record;
// nothing and a new record if there is none.
func (s *Server) recall(ctx context.Context, a *authorization, session *Session) (consentRecord, store.Record, error) {
	rec := consentRecord{Version: 1}
	r, err := s.ledger.Store.Get(ctx, kindConsent, s.consentID(session.Subject, a.client.ID))
	if errors.Is(err, store.ErrNotFound) {
		r = store.Record{
			Kind: kindConsent, ID: s.consentID(session.Subject, a.client.ID),
			Client: a.client.ID, Subject: session.Subject,
		}
		return rec, r, nil
	}
	if err != nil {
		return rec, r, err
	}
	return rec, r, json.Unmarshal(r.Data, &rec)
}

// consented reports whether the user agreed before to all that is asked for.
func (s *Server) consented(ctx context.Context, a *authorization, session *Session) (bool, error) {
	rec, r, err := s.recall(ctx, a, session)
	return err == nil && r.Version > 0 && rec.covers(a), err
}

// covers reports whether it includes all that is asked for.
func (c *consentRecord) covers(a *authorization) bool {
	return !slices.ContainsFunc(a.targets(), func(target string) bool {
		given, agreed := c.Scopes[target]
		return !agreed || !covers(given, a.scopes)
	})
}

// covers reports whether every wanted value is among those given.
func covers(given, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(given, w) })
}

// remember adds what is asked for to what the user agreed to before.
func (s *Server) remember(ctx context.Context, a *authorization, session *Session) error {
	err := store.ErrConflict
	for attempt := range redeemAttempts {
		var rec consentRecord
		var r store.Record
		if rec, r, err = s.recall(ctx, a, session); err != nil {
			return err
		}
		if attempt > 0 && rec.covers(a) {
			return nil // the same form, submitted twice
		}
		now := s.now()
		rec.add(a, now)
		if r.Data, err = json.Marshal(rec); err != nil {
			return err
		}
		r.Expires = now.Add(s.lifetimes.Consent)
		if err = s.ledger.Store.Put(ctx, r); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

// add includes all that is asked for.
func (c *consentRecord) add(a *authorization, now time.Time) {
	if c.Scopes == nil {
		c.Scopes = map[string][]string{}
	}
	for _, target := range a.targets() {
		c.Scopes[target] = union(c.Scopes[target], a.scopes)
	}
	c.At = now.Unix()
}

// union is never nil: an empty consent is one too.
func union(a, b []string) []string {
	all := append([]string{}, a...)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
