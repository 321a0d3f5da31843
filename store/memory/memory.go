// Package memory keeps records in the memory of the process: the default of an
// embedded server, of tests and of demos. A restart forgets everything, and two
// processes share nothing.
//
// Records are spread over shards by ID, so that calls for different records
// rarely meet. What expired is freed by the traffic that follows: every Put
// frees a few records of its shard that are due, whatever their kind. When
// traffic stops, a Delete with ExpiredAt frees the rest.
package memory

import (
	"context"
	"errors"
	"hash/maphash"
	"time"
	"unicode/utf8"

	"github.com/grantor-go/grantor/store"
)

// shardCount is a power of two, large enough that the cores of one machine
// seldom wait for each other.
const shardCount = 64

// seed makes the shard of an ID unpredictable from outside.
var seed = maphash.MakeSeed()

// A Store is a store.Store in memory. Its zero value is empty and ready for use;
// it must not be copied afterwards.
//
// It takes the time to the microsecond: an Expires is cut to one.
type Store struct {
	// Now is the clock that records expire by; nil means time.Now. It is called
	// while a shard is locked, so it must not call the Store.
	Now func() time.Time

	shards [shardCount]shard
}

var _ store.Store = (*Store)(nil)

// New returns an empty Store, as new(Store) does.
func New() *Store { return new(Store) }

// Len returns how many records are held, those included that expired and were
// not freed yet.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		n += s.shards[i].len()
	}
	return n
}

// Get returns the record, as store.Store promises.
func (s *Store) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	r, data, ok := s.shard(id).get(kind, id, s.now)
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	r.Data = []byte(data)
	return r, nil
}

// Put writes the record if its version is the stored one, as store.Store
// promises. A record outside the limits that package store sets is refused.
func (s *Store) Put(ctx context.Context, r store.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := check(&r); err != nil {
		return err
	}
	return s.shard(r.ID).put(&r, string(r.Data), s.now)
}

func (s *Store) shard(id string) *shard {
	return &s.shards[maphash.String(seed, id)%shardCount]
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// The limits of a record, see store.Record.
const (
	maxID    = 255
	maxIndex = 255
	minUnix  = -62135596800 // the year 1
	maxUnix  = 253402300799 // the end of the year 9999
)

// The refusals name no value: what a record holds is not for logs.
var (
	errKind    = errors.New("memory: the record has no Kind")
	errID      = errors.New("memory: the record's ID is not 1 to 255 bytes of printable ASCII")
	errIndex   = errors.New("memory: the record's Grant, Client or Subject is not UTF-8 of at most 255 bytes")
	errVersion = errors.New("memory: the record's Version is negative")
	errExpires = errors.New("memory: the record's Expires is outside the years 1 to 9999")
)

func check(r *store.Record) error {
	switch unix := r.Expires.Unix(); {
	case r.Kind == "":
		return errKind
	case !validID(r.ID):
		return errID
	case !validIndex(r.Grant), !validIndex(r.Client), !validIndex(r.Subject):
		return errIndex
	case r.Version < 0:
		return errVersion
	case unix < minUnix, unix > maxUnix:
		return errExpires
	}
	return nil
}

func validID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

func validIndex(s string) bool { return len(s) <= maxIndex && utf8.ValidString(s) }
