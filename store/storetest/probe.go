package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/grantor-go/grantor/store"
)

// A reporter is the part of testing.T that a check needs, so that a check can be
// seen to fail without failing the test that looks on.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// A probe is a store under examination. Its methods end the check when the store
// does not do what they say.
type probe struct {
	reporter
	promise string
	ctx     context.Context
	store   store.Store
	replica store.Store // the same records another way; store itself, if there is none
	clock   *Clock
}

func (e Engine) probe(t *testing.T, r reporter, promise string) *probe {
	p := &probe{reporter: r, promise: promise, ctx: t.Context(), store: e.Open(t), clock: e.Clock}
	p.replica = p.store
	if e.Replica != nil {
		p.replica = e.Replica(t, p.store)
	}
	return p
}

// broken ends the check: the promise is not kept, and this is how it showed.
func (p *probe) broken(format string, args ...any) {
	p.Helper()
	p.Errorf("this promise is broken: %s.\n\t%s", p.promise, fmt.Sprintf(format, args...))
	p.FailNow()
}

// sample is a record of the kind "grant" that never expires.
func sample(id string) store.Record {
	return store.Record{
		Kind: "grant", ID: id, Grant: id, Client: "client", Subject: "subject",
		Data: []byte(`{"v":1,"scopes":["read","write"]}`),
	}
}

// put writes r, which must succeed, and returns it as it is now stored.
func (p *probe) put(r store.Record) store.Record {
	p.Helper()
	if err := p.store.Put(p.ctx, r); err != nil {
		p.broken("Put of %s is %q, want no error", describe(r), err)
	}
	r.Version++
	return r
}

// conflicts tries to write r, which must be ErrConflict.
func (p *probe) conflicts(r store.Record) {
	p.Helper()
	if err := p.store.Put(p.ctx, r); !errors.Is(err, store.ErrConflict) {
		p.broken("Put of %s is %v, want ErrConflict", describe(r), err)
	}
}

// holds reads want, which must be there as it is.
func (p *probe) holds(want store.Record) {
	p.Helper()
	got, err := p.replica.Get(p.ctx, want.Kind, want.ID)
	if err != nil {
		p.broken("Get of %s is %q, want the record", describe(want), err)
	}
	if d := difference(got, want); d != "" {
		p.broken("Get of %s: %s", describe(want), d)
	}
}

// lacks reads r, which must not be there.
func (p *probe) lacks(r store.Record) {
	p.Helper()
	if got, err := p.replica.Get(p.ctx, r.Kind, r.ID); !errors.Is(err, store.ErrNotFound) {
		p.broken("Get of %s is (%s, %v), want ErrNotFound", describe(r), describe(got), err)
	}
}

// find returns what q selects, which must succeed.
func (p *probe) find(q store.Query) []store.Record {
	p.Helper()
	got, err := p.replica.Find(p.ctx, q)
	if err != nil {
		p.broken("Find(%+v) is %q, want no error", q, err)
	}
	return got
}

// finds checks that q selects these records, in this order.
func (p *probe) finds(q store.Query, want ...store.Record) {
	p.Helper()
	got := p.find(q)
	for i := range min(len(got), len(want)) {
		if d := difference(got[i], want[i]); d != "" {
			p.broken("Find(%+v): record %d of %d, %s: %s", q, i+1, len(got), describe(got[i]), d)
		}
	}
	if len(got) != len(want) {
		p.broken("Find(%+v) returns %d records, want %d", q, len(got), len(want))
	}
}

// deletes removes what q selects, which must be n records.
func (p *probe) deletes(q store.Query, n int) {
	p.Helper()
	if got, err := p.store.Delete(p.ctx, q); err != nil || got != n {
		p.broken("Delete(%+v) is (%d, %v), want (%d, nil)", q, got, err, n)
	}
}

func (p *probe) now() time.Time {
	if p.clock != nil {
		return p.clock.Now()
	}
	return time.Now()
}

// soon is a whole second, a little in the future.
func (p *probe) soon() time.Time { return p.now().Truncate(time.Second).Add(2 * time.Second) }

// pass lets the time come.
func (p *probe) pass(t time.Time) {
	if p.clock != nil {
		p.clock.Advance(t.Sub(p.clock.Now()))
		return
	}
	// An engine on another machine may be a little behind.
	time.Sleep(time.Until(t) + 250*time.Millisecond)
}

func describe(r store.Record) string {
	if len(r.ID) > 40 {
		r.ID = r.ID[:40] + "…"
	}
	return fmt.Sprintf("%s %q version %d", r.Kind, r.ID, r.Version)
}

// difference says in which field the records differ, or nothing.
func difference(got, want store.Record) string {
	switch {
	case got.Kind != want.Kind:
		return fmt.Sprintf("Kind is %q, want %q", got.Kind, want.Kind)
	case got.ID != want.ID:
		return fmt.Sprintf("ID is %q, want %q", got.ID, want.ID)
	case got.Grant != want.Grant:
		return fmt.Sprintf("Grant is %q, want %q", got.Grant, want.Grant)
	case got.Client != want.Client:
		return fmt.Sprintf("Client is %q, want %q", got.Client, want.Client)
	case got.Subject != want.Subject:
		return fmt.Sprintf("Subject is %q, want %q", got.Subject, want.Subject)
	case got.Version != want.Version:
		return fmt.Sprintf("Version is %d, want %d", got.Version, want.Version)
	case !got.Expires.Equal(want.Expires):
		return fmt.Sprintf("Expires is %v, want %v", got.Expires, want.Expires)
	case !sameJSON(got.Data, want.Data):
		return fmt.Sprintf("Data is %.60q of %d bytes, want %.60q of %d", got.Data, len(got.Data), want.Data, len(want.Data))
	}
	return ""
}

func same(a, b store.Record) bool { return difference(a, b) == "" }

// sameJSON reports whether a and b are the same JSON value, however formatted.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one JSON value")
	}
	return exact(v), nil
}

// exact writes every number in v the one way that depends on its value alone.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.RatString()
		}
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}
