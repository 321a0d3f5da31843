package grantor_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/grantor-go/grantor/store"
)

// A PlainStore keeps records in a map under one lock: about as short as a Store
// can be. NewPlainStore makes one that lives by the clock now.
type PlainStore struct {
	now     func() time.Time
	mu      sync.Mutex
	records map[recordName]store.Record
}

type recordName struct {
	kind store.Kind
	id   string
}

func NewPlainStore(now func() time.Time) *PlainStore {
	return &PlainStore{now: now, records: map[recordName]store.Record{}}
}

// live returns the record if it exists at this moment. What has expired is as if
// it were missing, and so has version 0.
func (s *PlainStore) live(kind store.Kind, id string) (store.Record, bool) {
	r, ok := s.records[recordName{kind, id}]
	if !ok || !r.Live(s.now()) {
		return store.Record{}, false
	}
	return r, true
}

func (s *PlainStore) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.live(kind, id)
	if !ok {
		return r, store.ErrNotFound
	}
	r.Data = slices.Clone(r.Data) // the caller may change what it is given
	return r, nil
}

func (s *PlainStore) Put(ctx context.Context, r store.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Kind == "" || r.ID == "" {
		return errors.New("plain store: a record needs a Kind and an ID")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, _ := s.live(r.Kind, r.ID); have.Version != r.Version {
		return store.ErrConflict
	}
	r.Version++
	r.Data = slices.Clone(r.Data) // the caller may reuse its own
	s.records[recordName{r.Kind, r.ID}] = r
	return nil
}

func (s *PlainStore) Find(ctx context.Context, q store.Query) ([]store.Record, error) {
	if q.Kind == "" || q.Limit < 0 {
		return nil, store.ErrQuery
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var found []store.Record
	for _, r := range s.records {
		if q.Matches(r, now) && r.ID > q.After {
			r.Data = slices.Clone(r.Data)
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(len(found), cmp.Or(q.Limit, store.DefaultLimit))], nil
}

func (s *PlainStore) Delete(ctx context.Context, q store.Query) (int, error) {
	if !q.Selects() || q.Limit < 0 {
		return 0, store.ErrQuery
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	n := 0
	for name, r := range s.records {
		if q.Limit > 0 && n == q.Limit {
			break
		}
		if q.Matches(r, now) {
			delete(s.records, name)
			n++
		}
	}
	return n, nil
}

// A store of the host's own has four methods. Package storetest finds out
// whether they keep the promises of store.Store.
func ExampleConfig_store() {
	var s store.Store = NewPlainStore(time.Now)
	ctx := context.Background()
	r := store.Record{Kind: "grant", ID: "g1", Subject: "alice", Data: []byte(`{}`)}

	fmt.Println(s.Put(ctx, r)) // version 0 creates
	fmt.Println(s.Put(ctx, r)) // so this comes too late
	n, err := s.Delete(ctx, store.Query{Subject: "alice"})
	fmt.Println(n, err)
	// Output:
	// <nil>
	// store: version conflict
	// 1 <nil>
}
