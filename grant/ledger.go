package grant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// A Ledger keeps grants in a Store, one record each.
type Ledger struct {
	// Issuer is whose grants these are. Those of other issuers in the same Store
	// are not found. Empty: those of all.
	Issuer  string
	Store   store.Store
	Format  secret.Format
	Peppers *secret.Peppers
}

// Load returns the grant with the ID, or store.ErrNotFound if there is none, or
// it has expired or was revoked.
func (l *Ledger) Load(ctx context.Context, id string) (*Grant, error) {
	g := new(Grant)
	if err := l.load(ctx, id, g); err != nil {
		return nil, err
	}
	return g, nil
}

// load reads the grant with the ID into an empty one.
func (l *Ledger) load(ctx context.Context, id string, g *Grant) error {
	r, err := l.Store.Get(ctx, Kind, id)
	if err != nil {
		return err
	}
	if err := g.decode(r.Data); err != nil {
		return fmt.Errorf("grant: record %s: %w", id, err)
	}
	if l.Issuer != "" && g.issuer != l.Issuer {
		return store.ErrNotFound
	}
	g.ID, g.ClientID, g.Subject, g.version = r.ID, r.Client, r.Subject, r.Version
	return nil
}

// An AccessToken is what a live opaque access token stands for.
type AccessToken struct {
	GrantID, ClientID, Subject string
	AuthTime                   time.Time
	Tokens
}

// AccessToken returns what the presented opaque access token stands for, or
// store.ErrNotFound if it is not live at now.
func (l *Ledger) AccessToken(ctx context.Context, h secret.Handle, now time.Time) (AccessToken, error) {
	var g Grant // these two stay off the heap: APIs ask for every request
	var few [maxPerTarget]issued
	g.issued = few[:0]
	if err := l.load(ctx, h.Locator(), &g); err != nil {
		return AccessToken{}, err
	}
	t, ok := g.Opaque(l.Peppers, h, now)
	if !ok {
		return AccessToken{}, store.ErrNotFound
	}
	return AccessToken{GrantID: g.ID, ClientID: g.ClientID, Subject: g.Subject, AuthTime: g.AuthTime, Tokens: t}, nil
}

// encoders are reused: a Store does not keep the data it is given.
var encoders = sync.Pool{New: func() any { return new(jsonw.Writer) }}

// Commit writes what changed, in one Put. It returns store.ErrConflict, and
// changes nothing, if the grant was written or revoked since it was loaded.
func (l *Ledger) Commit(ctx context.Context, g *Grant) error {
	if !g.changed {
		return nil
	}
	if g.version == 0 {
		g.issuer = l.Issuer
	}
	w := encoders.Get().(*jsonw.Writer)
	defer encoders.Put(w)
	if err := g.encode(w); err != nil {
		return err
	}
	err := l.Store.Put(ctx, store.Record{
		Kind: Kind, ID: g.ID, Grant: g.ID, Client: g.ClientID, Subject: g.Subject,
		Version: g.version, Expires: g.ends(), Data: w.B,
	})
	if err != nil {
		return err
	}
	g.version++
	g.changed = false
	return nil
}

// Revoke deletes the grant and with it every token that came from it. Revoking
// what is not there is no error.
func (l *Ledger) Revoke(ctx context.Context, id string) error {
	if id == "" {
		return errors.New("grant: revoke without an ID")
	}
	_, err := l.Store.Delete(ctx, store.Query{Grant: id})
	return err
}

// ends is when nothing of the grant is of use any more. Zero never occurs: a
// grant that nothing was issued from ends when it began.
func (g *Grant) ends() time.Time {
	end := g.Created
	if g.code != nil {
		end = later(end, g.code.expires)
	}
	if g.refresh != nil {
		end = later(end, g.refresh.expires)
	}
	for _, i := range g.issued {
		end = later(end, i.expires)
	}
	return later(end, g.until)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
