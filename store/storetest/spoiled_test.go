package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// A mutant is a store that keeps every promise but some.
type mutant struct {
	does   string
	breaks string // the promise that must be seen broken
	spoil  func(inner, *storetest.Clock) store.Store
}

// spoiled is a store some of whose methods were replaced.
type spoiled struct {
	store.Store
	get func(ctx context.Context, kind store.Kind, id string) (store.Record, error)
	put func(ctx context.Context, r store.Record) error
	fnd func(ctx context.Context, q store.Query) ([]store.Record, error)
	del func(ctx context.Context, q store.Query) (int, error)
}

func (s spoiled) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if s.get != nil {
		return s.get(ctx, kind, id)
	}
	return s.Store.Get(ctx, kind, id)
}

func (s spoiled) Put(ctx context.Context, r store.Record) error {
	if s.put != nil {
		return s.put(ctx, r)
	}
	return s.Store.Put(ctx, r)
}

func (s spoiled) Find(ctx context.Context, q store.Query) ([]store.Record, error) {
	if s.fnd != nil {
		return s.fnd(ctx, q)
	}
	return s.Store.Find(ctx, q)
}

func (s spoiled) Delete(ctx context.Context, q store.Query) (int, error) {
	if s.del != nil {
		return s.del(ctx, q)
	}
	return s.Store.Delete(ctx, q)
}

// inner is the sound store within a mutant.
type inner struct{ store.Store }

// version returns the stored version, 0 if there is none.
func (s inner) version(ctx context.Context, r store.Record) int64 {
	stored, _ := s.Get(ctx, r.Kind, r.ID)
	return stored.Version
}

// force writes r whatever is stored.
func (s inner) force(ctx context.Context, r store.Record) error {
	for {
		r.Version = s.version(ctx, r)
		if err := s.Put(ctx, r); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// spoilPut, spoilFind and spoilDelete make mutants that differ in one method.
func spoilPut(put func(s inner, ctx context.Context, r store.Record) error) func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		return spoiled{Store: s, put: func(ctx context.Context, r store.Record) error { return put(s, ctx, r) }}
	}
}

func spoilFind(find func(s inner, ctx context.Context, q store.Query) ([]store.Record, error)) func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		return spoiled{Store: s, fnd: func(ctx context.Context, q store.Query) ([]store.Record, error) { return find(s, ctx, q) }}
	}
}

func spoilDelete(del func(s inner, ctx context.Context, q store.Query) (int, error)) func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		return spoiled{Store: s, del: func(ctx context.Context, q store.Query) (int, error) { return del(s, ctx, q) }}
	}
}

// rewrite makes a mutant that changes what goes in: records and queries alike.
func rewrite(record func(*store.Record), query func(*store.Query)) func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		return spoiled{
			Store: s,
			get: func(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
				q := store.Query{Kind: kind, ID: id}
				query(&q)
				return s.Get(ctx, q.Kind, q.ID)
			},
			put: func(ctx context.Context, r store.Record) error {
				record(&r)
				return s.Put(ctx, r)
			},
			fnd: func(ctx context.Context, q store.Query) ([]store.Record, error) {
				query(&q)
				return s.Find(ctx, q)
			},
			del: func(ctx context.Context, q store.Query) (int, error) {
				query(&q)
				return s.Delete(ctx, q)
			},
		}
	}
}

// ghosts remembers records that have an expiry, for mutants that do not notice it.
type ghosts struct {
	mu    sync.Mutex
	clock *storetest.Clock
	kept  map[string]store.Record
}

// haunted makes a mutant with ghosts; the inner store given to spoil remembers them.
func haunted(spoil func(s inner, g *ghosts) spoiled) func(inner, *storetest.Clock) store.Store {
	return func(s inner, clock *storetest.Clock) store.Store {
		g := &ghosts{clock: clock, kept: map[string]store.Record{}}
		return spoil(inner{spoiled{Store: s, put: func(ctx context.Context, r store.Record) error {
			err := s.Put(ctx, r)
			if err == nil {
				g.mu.Lock()
				defer g.mu.Unlock()
				r.Version++
				r.Data = bytes.Clone(r.Data)
				g.kept[string(r.Kind)+" "+r.ID] = r
			}
			return err
		}}}, g)
	}
}

// seen returns the records that expired and that q would select had they not.
func (g *ghosts) seen(q store.Query) (seen []store.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	for _, r := range g.kept {
		if !r.Live(now) && q.Matches(r, r.Expires.Add(-1)) {
			seen = append(seen, r)
		}
	}
	return seen
}

// upsert creates what an update does not find.
func (s inner) upsert(ctx context.Context, r store.Record) error {
	if s.version(ctx, r) == 0 {
		r.Version = 0
	}
	return s.Put(ctx, r)
}

// spoilTwice refuses to create what was created before.
func spoilTwice() func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		var seen sync.Map
		return spoiled{Store: s, put: func(ctx context.Context, r store.Record) error {
			if _, again := seen.Load([2]string{string(r.Kind), r.ID}); again && r.Version == 0 {
				return store.ErrConflict
			}
			err := s.Put(ctx, r)
			if err == nil {
				seen.Store([2]string{string(r.Kind), r.ID}, true)
			}
			return err
		}}
	}
}

// dawdle lets others come in between.
func dawdle() {
	for range 20 {
		runtime.Gosched()
	}
}

// checkThenAct compares first and writes a moment later.
func checkThenAct(when func(r store.Record) bool) func(inner, *storetest.Clock) store.Store {
	return spoilPut(func(s inner, ctx context.Context, r store.Record) error {
		if !when(r) {
			return s.Put(ctx, r)
		}
		if s.version(ctx, r) != r.Version {
			return store.ErrConflict
		}
		dawdle()
		return s.force(ctx, r)
	})
}

// spoilAlias shares Data with its caller: what is put, or else what is read.
func spoilAlias(put bool) func(inner, *storetest.Clock) store.Store {
	return func(s inner, _ *storetest.Clock) store.Store {
		var mu sync.Mutex
		shared := map[string][]byte{}
		return spoiled{
			Store: s,
			put: func(ctx context.Context, r store.Record) error {
				err := s.Put(ctx, r)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					if !put {
						r.Data = bytes.Clone(r.Data)
					}
					shared[string(r.Kind)+" "+r.ID] = r.Data
				}
				return err
			},
			get: func(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
				r, err := s.Get(ctx, kind, id)
				mu.Lock()
				defer mu.Unlock()
				if data := shared[string(kind)+" "+id]; err == nil {
					r.Data = data
					if put {
						r.Data = bytes.Clone(data)
					}
				}
				return r, err
			},
		}
	}
}
