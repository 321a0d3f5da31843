package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/grantor-go/grantor/store"
)

func putChecks() []check {
	return []check{
		{"a Put with version 0 creates the record at version 1", createsAtOne},
		{"a Put with the stored version replaces the record and counts up by one", replaces},
		{"a create over a live record is ErrConflict and changes nothing", createOverLive},
		{"a stale Put is ErrConflict and changes nothing", stalePut},
		{"a Put with a version that was never stored is ErrConflict and changes nothing", futurePut},
		{"an update of what was never stored is ErrConflict and creates nothing", updateOfMissing},
		{"a stale writer cannot bring back what was deleted", deletedStaysDeleted},
		{"a deleted record can be created anew, at version 1", createAfterDelete},
		{"kinds share nothing", kindsShareNothing},
		{"an update moves the record to what it is found by now", updateMoves},
		{"a call whose context is cancelled returns the context's error and changes nothing", cancelled},
		{"a replica sees every change at once", replicaSees},
	}
}

func createsAtOne(p *probe) {
	r := sample("a")
	p.lacks(r)
	p.put(r)
	r.Version = 1
	p.holds(r)
}

func replaces(p *probe) {
	r := p.put(sample("a"))
	for version := int64(2); version <= 5; version++ {
		r.Data = fmt.Appendf(nil, `{"v":1,"round":%d}`, version)
		p.put(r)
		r.Version = version
		p.holds(r)
	}
}

func createOverLive(p *probe) {
	first := p.put(sample("a"))
	p.conflicts(changed(first, 0))
	p.unchanged(first)

	third := p.put(p.put(first))
	p.conflicts(changed(third, 0))
	p.unchanged(third)
}

func stalePut(p *probe) {
	r := p.put(p.put(p.put(sample("a"))))
	for _, version := range []int64{1, 2} {
		p.conflicts(changed(r, version))
		p.unchanged(r)
	}
}

func futurePut(p *probe) {
	r := p.put(p.put(p.put(sample("a"))))
	for _, version := range []int64{4, 5, math.MaxInt32 + 1, math.MaxInt64} {
		p.conflicts(changed(r, version))
		p.unchanged(r)
	}
	// No version is negative; an engine may say so in an error of its own.
	if err := p.store.Put(p.ctx, changed(r, -1)); err == nil {
		p.broken("Put of version -1 returns no error")
	}
	p.unchanged(r)
}

func updateOfMissing(p *probe) {
	for _, version := range []int64{1, 2, math.MaxInt64} {
		r := sample("a")
		r.Version = version
		p.conflicts(r)
		p.lacks(r)
		p.finds(store.Query{Kind: r.Kind})
	}
}

func deletedStaysDeleted(p *probe) {
	first := p.put(sample("a"))
	second := p.put(first)
	p.deletes(store.Query{Kind: second.Kind, ID: second.ID}, 1)
	for _, stale := range []store.Record{first, second} {
		p.conflicts(stale)
		p.lacks(stale)
		p.finds(store.Query{Kind: stale.Kind})
	}
}

func createAfterDelete(p *probe) {
	r := p.put(p.put(sample("a")))
	p.deletes(store.Query{Kind: r.Kind, ID: r.ID}, 1)
	r.Version = 0
	p.put(r)
	r.Version = 1
	p.holds(r)
}

func kindsShareNothing(p *probe) {
	grant, code := sample("a"), sample("a")
	code.Kind, code.Data = "code", []byte(`"another"`)
	grant = p.put(p.put(grant))
	p.lacks(code)
	code = p.put(code)
	p.holds(grant)
	p.holds(code)
	p.finds(store.Query{Kind: "grant", ID: "a"}, grant)
	p.finds(store.Query{Kind: "code", ID: "a"}, code)
	p.deletes(store.Query{Kind: "grant", ID: "a"}, 1)
	p.lacks(grant)
	p.holds(code)
}

func updateMoves(p *probe) {
	before := p.put(sample("a"))
	after := before
	after.Grant, after.Client, after.Subject = "g2", "c2", "s2"
	after = p.put(after)
	for _, q := range []store.Query{{Grant: before.Grant}, {Client: before.Client}, {Subject: before.Subject}} {
		q.Kind = before.Kind
		p.finds(q)
		p.deletes(q, 0)
	}
	for _, q := range []store.Query{{Grant: "g2"}, {Client: "c2"}, {Subject: "s2"}} {
		q.Kind = after.Kind
		p.finds(q, after)
	}
	none := after
	none.Grant, none.Client, none.Subject = "", "", ""
	none = p.put(none)
	p.finds(store.Query{Kind: after.Kind, Subject: "s2"})
	p.finds(store.Query{Kind: after.Kind}, none)
}

func cancelled(p *probe) {
	r := p.put(sample("a"))
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	refused := func(call string, err error) {
		p.Helper()
		if !errors.Is(err, context.Canceled) {
			p.broken("%s returns %v, want %v", call, err, context.Canceled)
		}
		p.holds(r)
	}
	_, err := p.store.Get(ctx, r.Kind, r.ID)
	refused("Get", err)
	_, err = p.store.Find(ctx, store.Query{Kind: r.Kind})
	refused("Find", err)
	refused("Put of an update", p.store.Put(ctx, changed(r, r.Version)))
	refused("Put of a new record", p.store.Put(ctx, sample("b")))
	p.lacks(sample("b"))
	_, err = p.store.Delete(ctx, store.Query{Kind: r.Kind})
	refused("Delete", err)
}

func replicaSees(p *probe) {
	other := *p
	other.store, other.replica = p.replica, p.store
	r := sample("a")
	for range 20 {
		r = p.put(r)
		p.holds(r)
		p.finds(store.Query{Kind: r.Kind, Subject: r.Subject}, r)
		r = other.put(r)
		other.holds(r)
		p.conflicts(changed(r, r.Version-1))
	}
	other.deletes(store.Query{Subject: r.Subject}, 1)
	other.lacks(r)
	p.conflicts(r)
}

// changed returns r with another version and everything else different.
func changed(r store.Record, version int64) store.Record {
	r.Version = version
	r.Grant, r.Client, r.Subject = "other grant", "other client", "other subject"
	r.Data = []byte(`{"v":1,"other":true}`)
	return r
}

// unchanged checks that r, the only record, is there as it was and found as it was.
func (p *probe) unchanged(r store.Record) {
	p.Helper()
	p.holds(r)
	p.finds(store.Query{Kind: r.Kind, Subject: "other subject"})
	p.finds(store.Query{Kind: r.Kind, Subject: r.Subject}, r)
}
