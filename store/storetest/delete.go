package storetest

import (
	"errors"
	"fmt"

	"github.com/grantor-go/grantor/store"
)

func deleteChecks() []check {
	return []check{
		{"a Delete that selects nothing in particular is ErrQuery and changes nothing", deleteRefused},
		{"a Delete is narrowed by every field", deleteNarrowed},
		{"a Delete without a Kind reaches every kind", deleteEveryKind},
		{"a Delete with a Limit removes no more than that", deleteLimit},
		{"a Delete ignores After", deleteIgnoresAfter},
		{"a Delete of what is not there is no error", deleteNothing},
		{"a Delete removes everything it selects and says how many", deleteMany},
	}
}

func deleteRefused(p *probe) {
	r := p.put(sample("a"))
	for _, q := range []store.Query{{}, {Limit: 1}, {After: "0"}, {After: "0", Limit: 10}} {
		if n, err := p.store.Delete(p.ctx, q); !errors.Is(err, store.ErrQuery) || n != 0 {
			p.broken("Delete(%+v) is (%d, %v), want (0, ErrQuery)", q, n, err)
		}
		p.holds(r)
	}
}

func deleteNarrowed(p *probe) {
	target, others := distinct()
	all := store.Query{Kind: target.Kind, Grant: target.Grant, Client: target.Client, Subject: target.Subject}
	for i := range others {
		others[i] = p.put(others[i])
	}
	// With each field of the query left out in turn, the record that differs in
	// it goes as well, and no other.
	for i, widen := range []func(q *store.Query){
		func(q *store.Query) { q.Kind = "" },
		func(q *store.Query) { q.Grant = "" },
		func(q *store.Query) { q.Client = "" },
		func(q *store.Query) { q.Subject = "" },
	} {
		p.put(target)
		p.deletes(all, 1)
		p.lacks(target)
		for _, r := range others {
			p.holds(r)
		}
		p.put(target)
		q := all
		widen(&q)
		p.deletes(q, 2)
		p.lacks(target)
		for k, r := range others {
			if k == i {
				p.lacks(r)
				r.Version = 0
				p.put(r)
			}
			p.holds(others[k])
		}
	}
	p.deletes(store.Query{Kind: target.Kind, ID: others[1].ID, Grant: target.Grant}, 0)
	p.holds(others[1])
}

func deleteEveryKind(p *probe) {
	kinds := []store.Kind{"code", "grant", "interaction"}
	put := func() {
		for _, kind := range kinds {
			r := sample("a")
			r.Kind = kind
			p.put(r)
		}
	}
	keep := sample("b")
	keep.Grant, keep.Client, keep.Subject = "other", "other", "other"
	keep = p.put(keep)
	for _, q := range []store.Query{{ID: "a"}, {Grant: "a"}, {Client: "client"}, {Subject: "subject"}} {
		put()
		p.deletes(q, len(kinds))
		p.holds(keep)
	}
}

func deleteLimit(p *probe) {
	const total = 10
	for i := range total {
		p.put(sample(fmt.Sprintf("id-%02d", i)))
	}
	q := store.Query{Kind: "grant", Subject: "subject", Limit: 4}
	left := total
	for _, n := range []int{4, 4, 2, 0} {
		p.deletes(q, n)
		left -= n
		if got := len(p.find(store.Query{Kind: "grant"})); got != left {
			p.broken("%d records are left, want %d", got, left)
		}
	}
}

func deleteIgnoresAfter(p *probe) {
	p.put(sample("a"))
	p.put(sample("b"))
	p.deletes(store.Query{Kind: "grant", After: "a"}, 2)
	p.finds(store.Query{Kind: "grant"})
}

func deleteNothing(p *probe) {
	p.deletes(store.Query{Kind: "grant", ID: "a"}, 0)
	r := p.put(sample("a"))
	p.deletes(store.Query{Kind: "grant", ID: "b"}, 0)
	p.deletes(store.Query{Subject: "nobody"}, 0)
	p.deletes(store.Query{Kind: "code", Subject: r.Subject}, 0)
	p.holds(r)
	p.deletes(store.Query{Kind: "grant", ID: "a"}, 1)
	p.deletes(store.Query{Kind: "grant", ID: "a"}, 0)
}

func deleteMany(p *probe) {
	const total = 700
	for i := range total {
		p.put(sample(fmt.Sprintf("%04d", i)))
	}
	keep := sample("keep")
	keep.Subject = "another"
	keep = p.put(keep)
	p.deletes(store.Query{Subject: "subject"}, total)
	p.finds(store.Query{Kind: "grant"}, keep)
}
