// Package store is the contract between the authorization server and whatever
// remembers things for it.
//
// A [Store] keeps values of type [Record] and knows nothing of OAuth. Its whole concurrency
// story is one operation: [Store.Put] writes only if nobody wrote in between.
// Every single-use promise the server makes (a code is redeemed once, a refresh
// token has one successor, a name is unique) rests on that comparison, so an
// engine needs no transactions, only a conditional write.
//
// To write a Store, implement four methods and run package storetest against
// it. To start, use package memory.
package store

import (
	"context"
	"errors"
	"time"
)

// The errors a Store returns by contract. Implementations may wrap them; any
// other error means the engine is in trouble, and the server answers 503.
var (
	// ErrNotFound: there is no such record, or it has expired.
	ErrNotFound = errors.New("store: record not found")
	// ErrConflict: the stored version is not the one the writer read. Nothing
	// was changed.
	ErrConflict = errors.New("store: version conflict")
	// ErrQuery: the query is one no Store answers: a Delete that would remove
	// everything, or a Find without a Kind. Nothing was changed.
	ErrQuery = errors.New("store: unusable query")
)

// A Kind is a family of records, such as "grant". Kinds share nothing: the same
// ID may occur in each.
type Kind string

// A Record is what a Store keeps.
type Record struct {
	Kind Kind
	// ID is unique within Kind: 1 to 255 bytes of printable ASCII, compared byte
	// by byte. It is never a bearer secret.
	ID string

	// Grant, Client and Subject are what records are found and deleted by:
	// "connected apps", "sign out everywhere", support. Any of them may be
	// empty. They are opaque UTF-8 without NUL, at most 255 bytes, compared byte
	// by byte.
	Grant, Client, Subject string

	// Version is 0 for a record that is not stored yet and counts up by one with
	// every Put. A record that was deleted and made anew begins again, so whoever
	// updates by Version must not reuse an ID that was deleted meanwhile; the
	// server's IDs of what can be redeemed are random.
	Version int64

	// Expires is when the record ceases to exist, to the second at least. Zero
	// means never. An expired record behaves in every way as if it were missing,
	// whether or not it was swept yet.
	Expires time.Time

	// Data is one JSON value. Implementations never look inside; one that stores
	// JSON natively may reformat it.
	Data []byte
}

// A Query selects records. Every field that is not zero narrows the selection;
// all of them must match.
type Query struct {
	Kind    Kind
	ID      string
	Grant   string
	Client  string
	Subject string

	// ExpiredAt selects records whose Expires is set and not after it. It is the
	// only way to reach expired records; without it they do not match.
	ExpiredAt time.Time

	// After selects records whose ID is greater, bytewise. It pages through
	// Find: pass the last ID of the page before. Delete ignores it.
	After string

	// Limit bounds how many records are returned or deleted. Zero: 1000 for
	// Find, no bound for Delete. Negative: ErrQuery.
	Limit int
}

// DefaultLimit is the page size of a Find whose Query names none.
const DefaultLimit = 1000

// A Store keeps records. Its methods may be called concurrently, honour the
// context, and see each other's effects at once: a Get after a Put that returned
// nil sees that Put, on every replica that shares the Store.
type Store interface {
	// Get returns the record, or ErrNotFound if there is none or it has expired.
	// The caller may keep and change what it is given.
	Get(ctx context.Context, kind Kind, id string) (Record, error)

	// Put writes r if the stored version still equals r.Version, and stores it
	// as r.Version+1; otherwise it returns ErrConflict and changes nothing. A
	// missing or expired record has version 0: Put with Version 0 creates, and a
	// stale writer cannot bring back what was deleted.
	//
	// A record that breaks the rules of Record is refused with another error, and
	// changes nothing. Any error but that and ErrConflict leaves open whether r
	// was written.
	// Put does not keep r.Data; the caller may reuse it.
	Put(ctx context.Context, r Record) error

	// Find returns the records that match, in bytewise order of ID: live ones, or
	// expired ones if q.ExpiredAt says so. q.Kind must be set, otherwise it
	// returns ErrQuery. A page shorter than the limit is the last one.
	Find(ctx context.Context, q Query) ([]Record, error)

	// Delete removes the records that match and returns how many. A query that
	// selects everything (no field but After and Limit set) is refused with
	// ErrQuery.
	// Deleting what is not there is no error.
	Delete(ctx context.Context, q Query) (int, error)
}

// Selects reports whether q names anything to select by. A Delete must refuse a
// query that does not.
func (q Query) Selects() bool {
	q.After, q.Limit = "", 0
	return q != Query{}
}

// Live reports whether r exists at now: it has no expiry, or one after now.
func (r Record) Live(now time.Time) bool {
	return r.Expires.IsZero() || r.Expires.After(now)
}

// Matches reports whether q selects r at now, paging and limit apart. It is the
// definition that engines translate into their own language.
func (q Query) Matches(r Record, now time.Time) bool {
	switch {
	case q.Kind != "" && q.Kind != r.Kind,
		q.ID != "" && q.ID != r.ID,
		q.Grant != "" && q.Grant != r.Grant,
		q.Client != "" && q.Client != r.Client,
		q.Subject != "" && q.Subject != r.Subject:
		return false
	case !q.ExpiredAt.IsZero():
		return !r.Expires.IsZero() && !r.Expires.After(q.ExpiredAt)
	default:
		return r.Live(now)
	}
}
