// Package config reads the server's configuration file. It reports everything
// that is wrong with the file at once, and keeps no secret in plain text.
package config

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

// maxSize bounds the file, in bytes.
const maxSize = 4 << 20

// A File is what the configuration file says.
type File struct {
	Issuer      string
	Listen      string
	Certificate *tls.Certificate // nil: plain HTTP
	Scopes      []string
	Resources   []grantor.Resource
	People      []Person
	Clients     []client.Client
	// RefreshRetry is what Lifetimes.RefreshRetry wants: negative is strict.
	RefreshRetry time.Duration
	// Warnings are what the file says without effect, or hardly means, a sentence
	// each.
	Warnings []string

	passwords []string          // of People, until they are digested
	secrets   map[string]string // of Clients by client_id, until they are digested
	files     reader            // for what the file names
}

// A Person is one user.
type Person struct {
	Username string
	Subject  string
	Claims   map[string]any // as in the file, "sub" included
	Password secret.Digest
}

// A reader returns what is in a file.
type reader func(name string) ([]byte, error)

// Load reads the file with the name. Passwords and client secrets in it are
// digested with the hasher.
func Load(ctx context.Context, name string, h secret.Hasher) (*File, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	f, err := Read(ctx, text, h)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", name, err)
	}
	return f, nil
}

// readFile is the reader of files on disk. It stops where no file should be that
// long.
func readFile(name string) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // only read
	return io.ReadAll(io.LimitReader(in, maxSize+1))
}

// Read is Load for a file that is in memory. The error joins a *Problem for each
// thing that is wrong.
func Read(ctx context.Context, text []byte, h secret.Hasher) (*File, error) {
	f, err := parse(text, readFile)
	if err != nil {
		return nil, err
	}
	return f, f.digest(ctx, h)
}

// parse reads and checks everything, but leaves secrets as they are.
func parse(text []byte, files reader) (*File, error) {
	var found problems
	o := newObject("", nil, &found)
	if len(text) > maxSize {
		o.say("the file", "is larger than %d MiB", maxSize>>20)
		return nil, found.err()
	}
	v, err := parseTree(text)
	if err != nil {
		o.say("the file", "%v", err)
		return nil, found.err()
	}
	if o.members, _ = v.(members); o.members == nil {
		o.say("the file", "is not a JSON object")
		return nil, found.err()
	}
	f := &File{secrets: map[string]string{}, files: files}
	f.read(o)
	if len(found) > 0 {
		return nil, found.err()
	}
	return f, nil
}

// read takes the file member by member.
func (f *File) read(o *object) {
	f.Issuer = o.text("issuer")
	f.readListen(o)
	f.readTLS(o)
	f.readPeople(o)
	f.readResources(o)
	f.readScopes(o)
	f.readClients(o)
	f.readRetry(o)
	f.readStore(o)
	off(o, "registration", "dynamic client registration", "initial_access_token")
	off(o, "client_id_metadata_documents", "client ID metadata documents")
	o.flag("allow_loopback_fetch", false) // this server calls nobody yet
	o.nothingElse()
	f.tryOut(o)
	f.comparePorts()
}

func (f *File) readPeople(o *object) {
	names, subjects := map[string]bool{}, map[string]bool{}
	for _, u := range o.objects("users", "username") {
		p := Person{Username: u.required("username", "give the user a name to sign in with")}
		password := u.required("password", "give the user a password")
		if claims := u.object("claims"); claims != nil {
			claims.where = u.where + " claims"
			p.Subject, p.Claims = claims.required("sub", "give the user a subject that never changes"), claims.members
		} else if !u.has("claims") {
			u.say("claims", `is missing; it must hold at least "sub", the user's subject`)
		}
		switch {
		case len(p.Username) > 255:
			u.say("username", "is longer than 255 bytes")
		case names[p.Username] && p.Username != "":
			u.say("username", "is another user's too")
		case subjects[p.Subject] && p.Subject != "":
			u.say("claims", `has the "sub" of another user; subjects are unique`)
		}
		if len(p.Subject) > 255 {
			u.say("claims", `has a "sub" that is longer than 255 bytes`)
		}
		checkSecret(u, "password", password)
		u.nothingElse()
		names[p.Username], subjects[p.Subject] = true, true
		f.People, f.passwords = append(f.People, p), append(f.passwords, password)
	}
}

// checkSecret refuses what no digest is made of. An absent one is somebody else's
// problem.
func checkSecret(o *object, member, value string) {
	const most = 1024
	if len(value) > most {
		o.say(member, "is longer than %d bytes", most)
	}
	if strings.Contains(value, "\x00") {
		o.say(member, "has a NUL character")
	}
}

func (f *File) readResources(o *object) {
	for _, r := range o.objects("resources", "identifier") {
		res := grantor.Resource{
			Identifier: r.required("identifier", "write the URI that clients send as resource (RFC 8707)"),
			Scopes:     r.texts("scopes"),
		}
		switch format := r.text("access_token_format"); format {
		case "", "jwt":
			res.AccessTokens = &token.JWT{}
		case "opaque":
			res.AccessTokens = token.Opaque{}
		default:
			r.say("access_token_format", `is %q; write "jwt" or "opaque"`, clip(format))
		}
		r.nothingElse()
		if res.Identifier != "" {
			f.Resources = append(f.Resources, res)
		}
	}
}

func (f *File) readRetry(o *object) {
	const fallback = 30
	f.RefreshRetry = time.Duration(o.count("refresh_retry", fallback)) * time.Second
	if f.RefreshRetry == 0 {
		f.RefreshRetry = -1
	}
}

func (f *File) readStore(o *object) {
	s := o.object("store")
	if s == nil {
		return
	}
	switch driver := s.text("driver"); driver {
	case "memory":
		if s.text("dsn") != "" {
			s.say("dsn", "has no meaning for the driver memory; remove it")
		}
	case "sqlite", "postgres", "mysql", "redis":
		s.say("driver", "is %q, which this server does not have yet; use \"memory\", or remove the store", driver)
	case "":
		if s.mistyped["driver"] {
			break
		}
		s.say("driver", "is missing; write \"memory\", or remove the store")
	default:
		s.say("driver", "is not known; use \"memory\", or remove the store")
	}
	s.text("dsn")
	s.nothingElse()
}

// off refuses a feature that the server does not have, unless it is off.
func off(o *object, member, feature string, settings ...string) {
	part := o.object(member)
	if part == nil {
		return
	}
	if part.flag("enabled", false) {
		part.say("enabled", "is true, but this server has no %s yet; remove %s", feature, member)
	}
	for _, s := range settings {
		part.text(s)
	}
	part.nothingElse()
}
