// Package people keeps the users of the server: who they are, and whether a
// password is theirs.
package people

import (
	"context"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
)

// A Directory knows a fixed set of people. It is a grantor.Subjects and a
// grant.PasswordVerifier.
type Directory struct {
	hasher    secret.Hasher
	byName    map[string]*config.Person
	bySubject map[string]*config.Person
}

// New returns a Directory of the people, whose passwords the hasher digested.
func New(h secret.Hasher, people []config.Person) *Directory {
	d := &Directory{hasher: h, byName: map[string]*config.Person{}, bySubject: map[string]*config.Person{}}
	for i := range people {
		p := &people[i]
		d.byName[p.Username], d.bySubject[p.Subject] = p, p
	}
	return d
}

// VerifyPassword returns the subject whose username and password these are, or
// grant.ErrWrongPassword. It works as long for a user who does not exist.
func (d *Directory) VerifyPassword(ctx context.Context, username, password string) (string, error) {
	var digest secret.Digest // matches nothing, and costs what a real one does
	p, ok := d.byName[username]
	if ok {
		digest = p.Password
	}
	matches, _, err := d.hasher.Verify(ctx, digest, password)
	switch {
	case err != nil:
		return "", err
	case !ok || !matches:
		return "", grant.ErrWrongPassword
	default:
		return p.Subject, nil
	}
}

// Subject says that everybody in the directory is active.
func (d *Directory) Subject(_ context.Context, id string) (grantor.Subject, error) {
	_, ok := d.bySubject[id]
	return grantor.Subject{Active: ok}, nil
}

// Name is what to call the subject on a page: the username, or nothing if there
// is no such subject.
func (d *Directory) Name(subject string) string {
	if p, ok := d.bySubject[subject]; ok {
		return p.Username
	}
	return ""
}
