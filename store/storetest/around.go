package storetest

import (
	"context"

	"github.com/grantor-go/grantor/store"
)

// around is a store with something done around each of its calls. What a failed
// call would have returned is withheld.
type around struct {
	wrap  func(ctx context.Context, op string, kind store.Kind, call func() error) error
	store store.Store
}

func (a around) Get(ctx context.Context, kind store.Kind, id string) (r store.Record, err error) {
	err = a.wrap(ctx, "get", kind, func() (err error) {
		r, err = a.store.Get(ctx, kind, id)
		return err
	})
	if err != nil {
		return store.Record{}, err
	}
	return r, nil
}

func (a around) Put(ctx context.Context, r store.Record) error {
	return a.wrap(ctx, "put", r.Kind, func() error { return a.store.Put(ctx, r) })
}

func (a around) Find(ctx context.Context, q store.Query) (found []store.Record, err error) {
	err = a.wrap(ctx, "find", q.Kind, func() (err error) {
		found, err = a.store.Find(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (a around) Delete(ctx context.Context, q store.Query) (n int, err error) {
	err = a.wrap(ctx, "delete", q.Kind, func() (err error) {
		n, err = a.store.Delete(ctx, q)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
