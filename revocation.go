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
	f, c, err := s.clientRequest(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	presented := f.Value("token")
	if presented == "" {
		s.refuse(w, oautherr.InvalidRequest.Because(nil, "token is missing"))
		return
	}
	grantID, err := s.revokeToken(r.Context(), c, presented)
	if err != nil {
		s.trouble(r.Context(), r, err)
		s.refuse(w, err)
		return
	}
	if grantID != "" {
		s.emit(r.Context(), Event{Kind: TokenRevoked, ClientID: c.ID, GrantID: grantID, Remote: remote(r)})
	}
	w.Header()["Cache-Control"] = headerNoStore
	w.WriteHeader(http.StatusOK)
}

// revokeToken revokes what is presented and returns the grant it belonged to, or
// its own ID; empty if there was nothing to revoke.
func (s *Server) revokeToken(ctx context.Context, c *client.Client, presented string) (string, error) {
	if h, err := s.ledger.Format.Parse(presented); err == nil {
		return s.revokeHandle(ctx, c, h)
	}
	claims, err := s.parse(ctx, presented)
	if errors.Is(err, oautherr.InvalidToken) {
		return "", nil
	}
	if err != nil || claims.ClientID != c.ID {
		return "", err
	}
	if claims.GrantID == "" {
		return claims.ID, s.bury(ctx, claims)
	}
	return claims.GrantID, s.changeGrant(ctx, claims.GrantID, func(g *grant.Grant) bool {
		return !g.RevokeID(claims.ID, claims.Expires, s.now())
	})
}

// revokeHandle revokes one of our own credential strings.
func (s *Server) revokeHandle(ctx context.Context, c *client.Client, h secret.Handle) (id string, err error) {
	err = s.changeGrant(ctx, h.Locator(), func(g *grant.Grant) (all bool) {
		id = ""
		if g.ClientID != c.ID {
			return false
		}
		switch h.Kind() {
		case secret.RefreshToken:
			all = g.HasRefresh(s.ledger.Peppers, h, s.now())
		case secret.AccessToken:
			if !g.RevokeOpaque(s.ledger.Peppers, h) {
				return false
			}
			id, all = g.ID, g.Spent()
		}
		if all {
			id = g.ID
		}
		return all
	})
	return id, err
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

// bury leaves a tombstone for a self-contained token without a grant record. It
// lives as long as the token would have.
func (s *Server) bury(ctx context.Context, c token.Claims) error {
	err := s.ledger.Store.Put(ctx, store.Record{
		Kind: kindRevoked, ID: c.ID, Client: c.ClientID, Subject: c.Subject,
		Expires: c.Expires.Add(time.Minute), Data: []byte(`{"v":1}`),
	})
	if errors.Is(err, store.ErrConflict) {
		return nil // revoked already
	}
	return err
}

// Revoke ends every grant that matches: all of a subject's ("sign out
// everywhere"), all of a client's, those of a subject at one client, or one by
// its ID. Every token that came from them is dead when it returns. Records of
// other kinds are left alone.
//
// Self-contained tokens without a record, which the client credentials grant
// issues, fall with a query that names only their client or only their subject.
func (s *Server) Revoke(ctx context.Context, q store.Query) error {
	if !q.Selects() || !q.ExpiredAt.IsZero() || q.Limit != 0 {
		return fmt.Errorf("grantor: revoke: %w", store.ErrQuery)
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
// lives until the last of them has expired.
func (s *Server) markNotBefore(ctx context.Context, what, id string) error {
	now := s.now()
	data, err := json.Marshal(notBefore{Version: 1, At: now.Unix()})
	if err != nil {
		return err
	}
	mark := store.Record{Kind: kindNotBefore, ID: notBeforeID(what, id), Expires: now.Add(s.longestAccess() + time.Minute), Data: data}
	err = store.ErrConflict
	for range redeemAttempts {
		var have store.Record
		have, err = s.ledger.Store.Get(ctx, mark.Kind, mark.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		mark.Version = have.Version
		if err = s.ledger.Store.Put(ctx, mark); !errors.Is(err, store.ErrConflict) {
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
