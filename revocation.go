package grantor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

// revoke is the revocation endpoint, RFC 7009. A refresh token takes its whole
// grant with it; an access token goes alone. A token that is unknown, or
// another client's, is answered like one that was revoked, and left alone.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	presented, c, err := s.tokenInHand(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	e, err := s.revokeToken(r.Context(), c, presented)
	if err != nil {
		s.trouble(r.Context(), r, err)
		s.refuse(w, err)
		return
	}
	if e.Kind == "" {
		e = Event{Kind: RevokeIgnored, Err: invalidToken(errNotTheirs)}
	}
	e.ClientID, e.Remote = c.ID, remote(r)
	s.emit(r.Context(), e)
	w.Header()["Cache-Control"] = headerNoStore
	w.WriteHeader(http.StatusOK)
}

var errNotTheirs = errors.New("grantor: unknown, no longer live, or another client's")

// revokeToken revokes what is presented and returns the event; none if there was
// nothing to revoke.
func (s *Server) revokeToken(ctx context.Context, c *client.Client, presented string) (e Event, err error) {
	if h, err := s.ledger.Format.Parse(presented); err == nil {
		return s.revokeHandle(ctx, c, h)
	}
	claims, err := s.parse(ctx, presented)
	if errors.Is(err, oautherr.InvalidToken) {
		return e, nil
	}
	if err != nil || claims.ClientID != c.ID {
		return e, err
	}
	gone := Event{Kind: TokenRevoked, Subject: claims.Subject, GrantID: claims.GrantID}
	if claims.GrantID == "" {
		gone.GrantID = claims.ID
		return gone, s.bury(ctx, claims)
	}
	err = s.changeGrant(ctx, claims.GrantID, func(g *grant.Grant) bool {
		e = gone
		return !g.RevokeID(claims.ID, claims.Expires.Add(afterlife), s.now())
	})
	return e, err
}

// revokeHandle revokes one of our own credential strings.
func (s *Server) revokeHandle(ctx context.Context, c *client.Client, h secret.Handle) (e Event, err error) {
	err = s.changeGrant(ctx, h.Locator(), func(g *grant.Grant) (all bool) {
		e = Event{}
		if g.ClientID != c.ID {
			return false
		}
		found := false
		switch h.Kind() {
		case secret.RefreshToken:
			found = g.HasRefresh(s.ledger.Peppers, h, s.now())
			all = found
		case secret.AccessToken:
			found = g.RevokeOpaque(s.ledger.Peppers, h)
			all = found && g.Spent()
		}
		if found {
			e = Event{Kind: TokenRevoked, Subject: g.Subject, GrantID: g.ID}
		}
		return all
	})
	return e, err
}

// changeGrant changes a grant, or revokes all of it where change says so. A
// grant that is gone needs no change.
func (s *Server) changeGrant(ctx context.Context, id string, change func(*grant.Grant) (revokeAll bool)) error {
	err := store.ErrConflict
	for range redeemAttempts {
		var g *grant.Grant
		if g, err = s.ledger.Load(ctx, id); err != nil {
			break
		}
		if change(g) {
			return s.ledger.Revoke(ctx, id)
		}
		if err = s.ledger.Commit(ctx, g); !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// afterlife is how much longer than the token itself it is remembered that a
// self-contained token was revoked: a clock that jumps ahead and back must not
// revive it.
const afterlife = 90 * time.Minute

// bury leaves a tombstone for a self-contained token without a grant record. It
// is in no index, so that nobody who clears up after a client or a subject
// removes it.
func (s *Server) bury(ctx context.Context, c token.Claims) error {
	err := s.ledger.Store.Put(ctx, store.Record{
		Kind: kindRevoked, ID: c.ID, Expires: c.Expires.Add(afterlife), Data: []byte(`{"v":1}`),
	})
	if errors.Is(err, store.ErrConflict) {
		_, err = s.ledger.Store.Get(ctx, kindRevoked, c.ID) // revoked already
	}
	return err
}

// Revoke ends every grant that matches: all of a subject's ("sign out
// everywhere"), all of a client's, those of a subject at one client, or one by
// its ID. Every token that came from them is dead when it returns, to Verify and
// to introspection. Records of other kinds, such as remembered consent, are left
// alone; grants of other issuers in the same Store are not.
//
// Servers of several issuers that share a Store know nothing of each other's
// tokens, but Revoke ends the grants of all of them.
//
// Self-contained tokens without a record, which the client credentials grant
// issues, fall with a query that names only their client or only their subject.
func (s *Server) Revoke(ctx context.Context, q store.Query) error {
	whose := q.ID != "" || q.Grant != "" || q.Client != "" || q.Subject != ""
	if !whose || q.Kind != "" && q.Kind != grant.Kind || !q.ExpiredAt.IsZero() || q.After != "" || q.Limit != 0 {
		return fmt.Errorf("grantor: revoke: name a grant, a client or a subject, and nothing else: %w", store.ErrQuery)
	}
	q.Kind = grant.Kind
	if q.Grant == "" && q.ID == "" {
		switch {
		case q.Subject == "":
			if err := s.markNotBefore(ctx, "client", q.Client); err != nil {
				return err
			}
		case q.Client == "":
			if err := s.markNotBefore(ctx, "subject", q.Subject); err != nil {
				return err
			}
		}
	}
	if _, err := s.ledger.Store.Delete(ctx, q); err != nil {
		return err
	}
	s.emit(ctx, Event{Kind: TokensRevoked, ClientID: q.Client, Subject: q.Subject, GrantID: q.Grant})
	return nil
}

// markNotBefore records that all tokens issued until now are dead. The mark
// lives until the last of them has expired, and never moves back.
func (s *Server) markNotBefore(ctx context.Context, what, id string) error {
	now := s.now()
	data, err := json.Marshal(notBefore{Version: 1, At: now.UnixMilli()})
	if err != nil {
		return err
	}
	err = store.ErrConflict
	for range redeemAttempts {
		var at, version int64
		if at, version, err = s.bulkMark(ctx, what, id); err != nil || version > 0 && at >= now.UnixMilli() {
			return err
		}
		err = s.ledger.Store.Put(ctx, store.Record{
			Kind: kindNotBefore, ID: s.notBeforeID(what, id), Version: version,
			Expires: now.Add(s.longestAccess() + afterlife), Data: data,
		})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

// longestAccess is the longest lifetime of an access token.
func (s *Server) longestAccess() time.Duration {
	longest := s.fallback.lifetime
	for _, t := range s.resources {
		longest = max(longest, t.lifetime)
	}
	return longest
}
