package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/grantor-go/grantor/store"
)

// A model is what a store must hold, kept the simplest way there is.
type model map[modelKey]store.Record

type modelKey struct {
	kind store.Kind
	id   string
}

// version returns the stored version, 0 if there is no live record.
func (m model) version(k modelKey, now time.Time) int64 {
	if r := m[k]; r.Live(now) {
		return r.Version
	}
	return 0
}

// selected returns the records that q selects by the definition.
func (m model) selected(q store.Query, now time.Time) []store.Record {
	return slices.DeleteFunc(slices.Collect(maps.Values(m)), func(r store.Record) bool { return !q.Matches(r, now) })
}

// randomSteps is how many calls are compared with the model.
const randomSteps = 600

// randomCalls makes the same arbitrary calls every time, so that a failure can
// be repeated.
func randomCalls(p *probe) {
	g := &generator{rand.New(rand.NewPCG(6749, 9700)), p.now().Truncate(time.Second)}
	m := model{}
	for step := range randomSteps {
		switch g.IntN(10) {
		case 0:
			p.compareDelete(step, m, g.query(), g)
		case 1, 2, 3, 4, 5:
			p.comparePut(step, m, g.record(), g)
		default:
			q := g.query()
			q.Kind = g.kind()
			p.compareFind(step, m, q)
		}
	}
}

func (p *probe) comparePut(step int, m model, r store.Record, g *generator) {
	p.Helper()
	k, now := modelKey{r.Kind, r.ID}, p.now()
	stored := m.version(k, now)
	r.Version = max(0, stored+g.pick(0, 0, 0, 0, -1, 1))
	if g.IntN(8) == 0 {
		r.Version = 0
	}
	err := p.store.Put(p.ctx, r)
	switch {
	case r.Version != stored && errors.Is(err, store.ErrConflict):
	case r.Version == stored && err == nil:
		r.Version++
		m[k] = r
	default:
		p.broken("step %d: Put of %s over version %d is %v", step, describe(r), stored, err)
	}
}

func (p *probe) compareFind(step int, m model, q store.Query) {
	p.Helper()
	now := p.now()
	got := p.find(q)
	if !q.ExpiredAt.IsZero() {
		// Whether what expired is still there is the engine's affair.
		got = slices.DeleteFunc(got, func(r store.Record) bool { return !r.Live(now) && q.Matches(r, now) })
	}
	want := m.selected(q, now)
	if !q.ExpiredAt.IsZero() {
		want = slices.DeleteFunc(want, func(r store.Record) bool { return !r.Live(now) })
	}
	want = page(want, q)
	if !slices.EqualFunc(got, want, same) {
		p.broken("step %d: Find(%+v) returns %s, want %s", step, q, describeAll(got), describeAll(want))
	}
}

func (p *probe) compareDelete(step int, m model, q store.Query, g *generator) {
	p.Helper()
	if q.Limit = 0; !q.Selects() {
		return
	}
	now := p.now()
	live := 0
	selected := m.selected(q, now)
	for _, r := range selected {
		if r.Live(now) {
			live++
		}
		delete(m, modelKey{r.Kind, r.ID})
	}
	n, err := p.store.Delete(p.ctx, q)
	if err != nil || n < live || n > len(selected) {
		p.broken("step %d: Delete(%+v) is (%d, %v), want %d to %d", step, q, n, err, live, len(selected))
	}
	for _, kind := range g.kinds() {
		p.compareFind(step, m, store.Query{Kind: kind})
	}
}

// A generator makes arbitrary records and queries out of so few values that they
// meet often.
type generator struct {
	*rand.Rand
	now time.Time
}

func (g *generator) pick(from ...int64) int64 { return from[g.IntN(len(from))] }

func (g *generator) one(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) kinds() []store.Kind { return []store.Kind{"code", "grant"} }

func (g *generator) kind() store.Kind { return g.kinds()[g.IntN(2)] }

// expires returns no expiry, a past one, or one of two to come.
func (g *generator) expires() time.Time {
	if hours := g.pick(0, 0, -1, 1, 2); hours != 0 {
		return g.now.Add(time.Duration(hours) * time.Hour)
	}
	return time.Time{}
}

func (g *generator) record() store.Record {
	id := g.one("a", "A", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")
	return store.Record{
		Kind: g.kind(), ID: id, Grant: g.one("", id, "a", "b", "g"), Client: g.one("", "c1", "c2", "c3"),
		Subject: g.one("", "c1", "s1", "s2", "s3"), Expires: g.expires(), Data: fmt.Appendf(nil, "%d", g.Int64()),
	}
}

func (g *generator) query() store.Query {
	q := store.Query{}
	if g.IntN(2) == 0 {
		q.Kind = g.kind()
	}
	if g.IntN(4) == 0 {
		q.ID = g.one("a", "A", "b", "k", "z")
	}
	if g.IntN(3) == 0 {
		q.Grant = g.one("a", "b", "c", "g", "z")
	}
	if g.IntN(3) == 0 {
		q.Client = g.one("c1", "c2", "c3", "c4")
	}
	if g.IntN(3) == 0 {
		q.Subject = g.one("c1", "s1", "s2", "s3")
	}
	if g.IntN(4) == 0 {
		q.ExpiredAt = g.now.Add(time.Duration(g.pick(-2, 0, 1, 2)) * time.Hour)
	} else if g.IntN(4) == 0 {
		q.Limit = 1 + g.IntN(4)
	}
	if g.IntN(4) == 0 {
		q.After = g.one("0", "A", "b", "d", "h", "z")
	}
	return q
}

func describeAll(records []store.Record) string {
	s := fmt.Sprintf("%d records", len(records))
	for _, r := range records {
		s += ", " + describe(r)
	}
	return s
}
