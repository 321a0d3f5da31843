package client

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotFound is what a Source returns for an id that no client has.
var ErrNotFound = errors.New("client: not found")

// A Source finds a client by its id. It returns ErrNotFound, or an error that
// wraps it, when there is none; any other error means trouble, and the server
// answers 503. A Source is asked with every request, so it should be quick, and
// must be safe for concurrent use.
type Source interface {
	Client(ctx context.Context, id string) (*Client, error)
}

// Lookup returns the client with the id if it exists and is enabled, and
// ErrNotFound otherwise. An id that no client can have, being empty, too long or
// not printable ASCII, never reaches the Source.
func Lookup(ctx context.Context, s Source, id string) (*Client, error) {
	if !validID(id) {
		return nil, ErrNotFound
	}
	c, err := s.Client(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case c == nil || c.Disabled:
		return nil, ErrNotFound
	default:
		return c, nil
	}
}

func validID(id string) bool {
	if id == "" || len(id) > 255 {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// Static is a Source of a fixed set of clients.
type Static struct {
	clients map[string]*Client
}

// NewStatic validates the clients and returns a Source of them, or every
// problem there is, joined.
func NewStatic(clients ...Client) (*Static, error) {
	s := &Static{clients: make(map[string]*Client, len(clients))}
	var problems []error
	for i := range clients {
		c := clients[i]
		if err := c.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("client %q: %w", c.ID, err))
		}
		if _, taken := s.clients[c.ID]; taken {
			problems = append(problems, fmt.Errorf("client %q: %w", c.ID,
				&FieldError{Field: "ID", Problem: "is used by two clients; give each its own"}))
		}
		s.clients[c.ID] = &c
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// Client returns the client with the id, or ErrNotFound.
func (s *Static) Client(_ context.Context, id string) (*Client, error) {
	if c, ok := s.clients[id]; ok {
		return c, nil
	}
	return nil, ErrNotFound
}
