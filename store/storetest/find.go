package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/grantor-go/grantor/store"
)

func findChecks() []check {
	return []check{
		{"Find returns records in bytewise order of ID", findOrders},
		{"pages of Find follow each other without gap or repetition", findPages},
		{"a Find without a Limit returns a page of DefaultLimit", findDefaultLimit},
		{"a Find without a Kind is ErrQuery", findWithoutKind},
		{"a Find is narrowed by every field", findNarrowed},
		{"a Find that selects nothing returns no record and no error", findNothing},
		{"Find and Delete select what Query.Matches selects", randomCalls},
	}
}

// strangeIDs differ in ways that engines like to overlook: case, space around,
// wildcards, quotes, collation, escapes.
func strangeIDs() []string {
	ids := []string{
		"a", "A", "aa", "aA", "Aa", "b", "B", "_", "%", "a_", "a%", "*", "?", "[a]", "a-b", "a:b", "a/b", "a.b", "ab",
		" ", "a ", " a", "a  ", "'", "''", `"`, "`", `\`, `\\`, `\n`, `\x00`, "--", ";", "{a}", "{}", "$1", "#", "&", "<b>",
		"0", "00", "1", "01", "10", "2", "1e1", "null", "true", "~", "!", "a+b", "(a)", "^", "|", "@", "=", ",",
	}
	slices.Sort(ids)
	return ids
}

func findOrders(p *probe) {
	ids := strangeIDs()
	want := make([]store.Record, len(ids))
	for i := range ids {
		// Written in an order that is neither theirs nor its reverse.
		k := i * 17 % len(ids)
		want[k] = p.put(sample(ids[k]))
	}
	p.finds(store.Query{Kind: "grant"}, want...)
	p.finds(store.Query{Kind: "grant", Subject: "subject"}, want...)
	for i, id := range ids {
		p.finds(store.Query{Kind: "grant", After: id, Limit: 2}, want[i+1:min(i+3, len(want))]...)
	}
}

func findPages(p *probe) {
	var want []store.Record
	for i := range 21 {
		want = append(want, p.put(sample(fmt.Sprintf("id-%02d", i))))
		other := sample(fmt.Sprintf("id-%02d-x", i))
		other.Subject = "another"
		p.put(other)
	}
	for _, limit := range []int{1, 4, 7, 21, 22} {
		q := store.Query{Kind: "grant", Subject: "subject", Limit: limit}
		var got []store.Record
		for {
			page := p.find(q)
			got = append(got, page...)
			if len(page) > limit {
				p.broken("a page of %d has %d records", limit, len(page))
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
			q.After = page[len(page)-1].ID
		}
		if !slices.EqualFunc(got, want, same) {
			p.broken("pages of %d make %d records, want the %d in order", limit, len(got), len(want))
		}
	}
	// After need not be there.
	p.finds(store.Query{Kind: "grant", Subject: "subject", After: "id-18-y"}, want[19:]...)
	p.finds(store.Query{Kind: "grant", After: "z"})
}

func findDefaultLimit(p *probe) {
	const more = 5
	var want []store.Record
	for i := range store.DefaultLimit + more {
		want = append(want, p.put(sample(fmt.Sprintf("%04d", i))))
	}
	p.finds(store.Query{Kind: "grant"}, want[:store.DefaultLimit]...)
	p.finds(store.Query{Kind: "grant", After: want[store.DefaultLimit-1].ID}, want[store.DefaultLimit:]...)
	p.finds(store.Query{Kind: "grant", Limit: len(want)}, want...)
}

func findWithoutKind(p *probe) {
	p.put(sample("a"))
	for _, q := range []store.Query{{}, {ID: "a"}, {Client: "client"}, {Subject: "subject", Limit: 1}} {
		if got, err := p.store.Find(p.ctx, q); !errors.Is(err, store.ErrQuery) {
			p.broken("Find(%+v) is (%d records, %v), want ErrQuery", q, len(got), err)
		}
	}
}

func findNarrowed(p *probe) {
	target, others := distinct()
	target = p.put(target)
	for i := range others {
		others[i] = p.put(others[i])
	}
	all := store.Query{Kind: target.Kind, Grant: target.Grant, Client: target.Client, Subject: target.Subject}
	p.finds(all, target)
	all.ID = target.ID
	p.finds(all, target)
	all.ID = others[1].ID
	p.finds(all)
	p.finds(store.Query{Kind: target.Kind, ID: target.ID}, target)
	p.finds(store.Query{Kind: target.Kind, Grant: others[1].Grant}, others[1])
	p.finds(store.Query{Kind: target.Kind, Client: others[2].Client}, others[2])
	p.finds(store.Query{Kind: target.Kind, Subject: others[3].Subject}, others[3])
}

// distinct returns a record, and one each that differs from it in Kind, Grant,
// Client and Subject alone, their IDs apart.
func distinct() (target store.Record, others []store.Record) {
	target = sample("target")
	target.Grant = "grant"
	kind, grant, client, subject := target, target, target, target
	kind.Kind, kind.ID = "code", "other-kind"
	grant.Grant, grant.ID = "other", "other-grant"
	client.Client, client.ID = "other", "other-client"
	subject.Subject, subject.ID = "other", "other-subject"
	return target, []store.Record{kind, grant, client, subject}
}

func findNothing(p *probe) {
	p.finds(store.Query{Kind: "grant"})
	p.put(sample("a"))
	p.finds(store.Query{Kind: "code"})
	p.finds(store.Query{Kind: "grant", ID: "b"})
	p.finds(store.Query{Kind: "grant", Subject: "nobody"})
	p.finds(store.Query{Kind: "grant", Subject: "subject", Client: "nobody"})
}

// page is what Find must return of the records, by the definition.
func page(records []store.Record, q store.Query) []store.Record {
	slices.SortFunc(records, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
	var found []store.Record
	for _, r := range records {
		if r.ID > q.After && len(found) < cmp.Or(q.Limit, store.DefaultLimit) {
			found = append(found, r)
		}
	}
	return found
}
