package grantor_test

import (
	"context"
	"errors"

	"github.com/grantor-go/grantor/store"
)

var errDown = errors.New("store: dial tcp 10.0.0.7:5432: connection refused")

// noStore is a store that nobody can reach.
type noStore struct{}

func (noStore) Get(context.Context, store.Kind, string) (store.Record, error) {
	return store.Record{}, errDown
}
func (noStore) Put(context.Context, store.Record) error                   { return errDown }
func (noStore) Find(context.Context, store.Query) ([]store.Record, error) { return nil, errDown }
func (noStore) Delete(context.Context, store.Query) (int, error)          { return 0, errDown }
