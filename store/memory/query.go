package memory

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/grantor-go/grantor/store"
)

// Find returns a page of records, as store.Store promises. Its cost grows with
// the records of the Grant, else of the Subject, else of the Client that q
// names; with all records of the kind if it names none.
func (s *Store) Find(ctx context.Context, q store.Query) ([]store.Record, error) {
	if q.Kind == "" || q.Limit < 0 {
		return nil, store.ErrQuery
	}
	now := s.now()
	p := page{limit: cmp.Or(q.Limit, store.DefaultLimit)}
	for sh := range s.reach(q) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sh.find(q, now, &p)
	}
	return p.records(), nil
}

// deletedAtOnce bounds how many records are deleted before the lock of their
// shard is released for a moment.
const deletedAtOnce = 256

// Delete removes records, as store.Store promises, shard by shard: a record that
// is put meanwhile may survive. Cancelled half-way, it returns how many it had
// removed, and the context's error.
func (s *Store) Delete(ctx context.Context, q store.Query) (int, error) {
	if !q.Selects() || q.Limit < 0 {
		return 0, store.ErrQuery
	}
	now, deleted := s.now(), 0
	for sh := range s.reach(q) {
		for {
			if err := ctx.Err(); err != nil {
				return deleted, err
			}
			most := deletedAtOnce
			if q.Limit > 0 {
				most = min(most, q.Limit-deleted)
			}
			n := sh.delete(q, now, most)
			deleted += n
			if deleted == q.Limit && q.Limit > 0 {
				return deleted, nil
			}
			if n < most {
				break
			}
		}
	}
	return deleted, nil
}

// reach yields the shards that may hold what q selects.
func (s *Store) reach(q store.Query) iter.Seq[*shard] {
	return func(yield func(*shard) bool) {
		if q.ID != "" {
			yield(s.shard(q.ID))
			return
		}
		var home *shard // where the record of the grant itself is
		if q.Grant != "" {
			home = s.shard(q.Grant)
		}
		for i := range s.shards {
			sh := &s.shards[i]
			if home != nil && home != sh && sh.related.Load() == 0 {
				continue
			}
			if !yield(sh) {
				return
			}
		}
	}
}

func (sh *shard) find(q store.Query, now time.Time, p *page) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.candidates(q, func(t *table, e *entry) bool {
		if e.id > q.After && p.wants(e.id) {
			if r := e.record(t.kind); q.Matches(r, now) {
				p.add(found{r, e.data})
			}
		}
		return true
	})
}

// delete removes at most so many records that q selects, and returns how many.
func (sh *shard) delete(q store.Query, now time.Time, most int) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var selected []*entry
	sh.candidates(q, func(t *table, e *entry) bool {
		if q.Matches(e.record(t.kind), now) {
			selected = append(selected, e)
		}
		return len(selected) < most
	})
	for _, e := range selected {
		sh.remove(e)
	}
	return len(selected)
}

// candidates visits every entry that q can select, and by the narrowest index
// few others, until visit is false.
func (sh *shard) candidates(q store.Query, visit func(*table, *entry) bool) {
	if q.ID == "" && q.Grant == "" && q.Client == "" && q.Subject == "" && !q.ExpiredAt.IsZero() {
		sh.queue.expired(micros(q.ExpiredAt), func(e *entry) bool { return visit(sh.tables[e.table], e) })
		return
	}
	for _, t := range sh.tables {
		if q.Kind != "" && q.Kind != t.kind {
			continue
		}
		if !t.candidates(q, func(e *entry) bool { return visit(t, e) }) {
			return
		}
	}
}

func (t *table) candidates(q store.Query, visit func(*entry) bool) bool {
	switch {
	case q.ID != "":
		return t.one(q.ID, visit)
	case q.Grant != "":
		return t.one(q.Grant, visit) && t.listed(byGrant, q.Grant, visit)
	case q.Subject != "":
		return t.listed(bySubject, q.Subject, visit)
	case q.Client != "":
		return t.listed(byClient, q.Client, visit)
	}
	for _, e := range t.records.m {
		if !visit(e) {
			return false
		}
	}
	return true
}

func (t *table) one(id string, visit func(*entry) bool) bool {
	e := t.records.get(id)
	return e == nil || visit(e)
}

func (t *table) listed(index int, name string, visit func(*entry) bool) bool {
	g := t.groups[index].get(name)
	if g == nil {
		return true
	}
	for e := g.first; e != nil; e = e.links[index].next {
		if !visit(e) {
			return false
		}
	}
	return true
}

// found is a record whose Data is yet to be copied.
type found struct {
	record store.Record
	data   string
}

// A page collects the records with the lowest IDs. It holds at most twice as
// many as it is to have.
type page struct {
	limit int
	found []found
	last  string // once the page is full: no ID from here on is wanted
}

func (p *page) wants(id string) bool { return p.last == "" || id < p.last }

func (p *page) add(f found) {
	p.found = append(p.found, f)
	if len(p.found)-p.limit >= p.limit {
		p.cut()
	}
}

func (p *page) cut() {
	slices.SortFunc(p.found, func(a, b found) int { return cmp.Compare(a.record.ID, b.record.ID) })
	if len(p.found) >= p.limit {
		clear(p.found[p.limit:])
		p.found = p.found[:p.limit]
		p.last = p.found[p.limit-1].record.ID
	}
}

func (p *page) records() []store.Record {
	p.cut()
	records := make([]store.Record, len(p.found))
	for i, f := range p.found {
		f.record.Data = []byte(f.data)
		records[i] = f.record
	}
	return records
}
