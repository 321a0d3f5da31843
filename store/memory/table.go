package memory

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/grantor-go/grantor/store"
)

// The fields that records are found by, besides their ID.
const (
	byGrant = iota
	byClient
	bySubject
	indexes
)

// An entry is a stored record. A million of them are kept, so it is laid out for
// size: what several records have in common they share through their groups, and
// the lists of the indexes run through the entries themselves.
type entry struct {
	id      string
	data    string // never changed, only replaced
	version int64
	expires int64 // Unix microseconds, or never
	place   int32 // in the shard's queue, or unqueued
	table   int32 // the number of its table
	groups  [indexes]*group
	links   [indexes]link
}

// A group is the entries of one table that have one Grant, Client or Subject in
// common, in no order.
type group struct {
	name  string
	first *entry
}

// A link is an entry's place in the list of a group.
type link struct{ prev, next *entry }

func (e *entry) expired(now int64) bool { return e.expires <= now }

// name returns the value of the indexed field.
func (e *entry) name(index int) string {
	switch g := e.groups[index]; {
	case g == nil:
		return ""
	case g.name == "": // table.own
		return e.id
	default:
		return g.name
	}
}

// record returns what is stored, without its Data.
func (e *entry) record(kind store.Kind) store.Record {
	r := store.Record{
		Kind: kind, ID: e.id,
		Grant: e.name(byGrant), Client: e.name(byClient), Subject: e.name(bySubject),
		Version: e.version,
	}
	if e.expires != never {
		r.Expires = time.UnixMicro(e.expires).UTC()
	}
	return r
}

// A table is the records of one kind within a shard, and their indexes.
type table struct {
	kind    store.Kind
	number  int32
	records dict[*entry]
	groups  [indexes]dict[*group]

	// own stands for the grant of a record whose Grant is its ID, as most are.
	// It has no list and no name: such records are found by ID.
	own     group
	related *atomic.Int64 // of the shard
}

func newTable(kind store.Kind, number int32, related *atomic.Int64) *table {
	return &table{kind: store.Kind(strings.Clone(string(kind))), number: number, related: related}
}

// add makes an entry of version 0 that never expires and is in no group. The ID
// is copied, or it would keep alive whatever it was cut from.
func (t *table) add(id string) *entry {
	e := &entry{id: strings.Clone(id), expires: never, place: unqueued, table: t.number}
	t.records.set(e.id, e)
	return e
}

// file enters e in the indexes as r says.
func (t *table) file(e *entry, r *store.Record) {
	for i, name := range [indexes]string{byGrant: r.Grant, byClient: r.Client, bySubject: r.Subject} {
		if e.name(i) != name {
			t.leave(e, i)
			t.join(e, i, name)
		}
	}
}

func (t *table) join(e *entry, index int, name string) {
	switch {
	case name == "":
		return
	case index == byGrant && name == e.id:
		e.groups[index] = &t.own
		return
	}
	g := t.groups[index].get(name)
	if g == nil {
		g = &group{name: strings.Clone(name)}
		t.groups[index].set(g.name, g)
	}
	e.groups[index] = g
	e.links[index].next = g.first
	if g.first != nil {
		g.first.links[index].prev = e
	}
	g.first = e
	if index == byGrant {
		t.related.Add(1)
	}
}

func (t *table) leave(e *entry, index int) {
	g, l := e.groups[index], e.links[index]
	e.groups[index], e.links[index] = nil, link{}
	if g == nil || g == &t.own {
		return
	}
	if index == byGrant {
		t.related.Add(-1)
	}
	if l.next != nil {
		l.next.links[index].prev = l.prev
	}
	if l.prev != nil {
		l.prev.links[index].next = l.next
		return
	}
	g.first = l.next
	if g.first == nil {
		t.groups[index].drop(g.name)
	}
}

func (t *table) remove(e *entry) {
	for i := range indexes {
		t.leave(e, i)
	}
	t.records.drop(e.id)
}
