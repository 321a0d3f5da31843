package grant

import (
	"encoding/json"
	"errors"
	"time"
	"unsafe"

	"github.com/grantor-go/grantor/secret"
)

var errVersion = errors.New("record of a version this program does not know")

// decode reads a record's data, which it keeps, into an empty grant. Members may
// come in any order; those it does not know are passed over, so that a newer
// program can add some.
func (g *Grant) decode(data []byte) error {
	p := scanner{s: unsafe.String(unsafe.SliceData(data), len(data))} // nobody changes data any more: see Store.Get
	version := int64(0)
	p.members(func(name string) {
		switch name {
		case "v":
			version = p.number()
		case "iss":
			g.issuer = p.text()
		case "type":
			g.Type = p.text()
		case "scope":
			g.Scopes = p.list()
		case "resource":
			g.Resources = p.list()
		case "created":
			g.Created = p.at()
		case "expires":
			g.Expires = p.at()
		case "auth_time":
			g.AuthTime = p.at()
		case "until":
			g.until = p.at()
		case "code":
			g.code = p.code()
		case "refresh":
			g.refresh = p.refresh()
		case "access":
			g.issued = g.issued[:0]
			p.elements(func() { g.issued = append(g.issued, p.issued()) })
		case "extra":
			g.Extra = map[string]json.RawMessage{}
			p.members(func(name string) { g.Extra[name] = p.raw() })
		default:
			p.skip(0)
		}
	})
	if err := p.end(); err != nil {
		return errors.Join(err, foreign(data))
	}
	if version != recordVersion {
		return errVersion
	}
	return nil
}

// foreign tells a record of another version, which may look like anything, from
// one that is broken.
func foreign(data []byte) error {
	var r struct {
		V int64 `json:"v"`
	}
	if json.Unmarshal(data, &r) == nil && r.V != recordVersion {
		return errVersion
	}
	return nil
}

func (p *scanner) code() *codeState {
	c := &codeState{}
	p.members(func(name string) {
		switch name {
		case "digest":
			c.digest = secret.Digest(p.text())
		case "expires":
			c.expires = p.at()
		case "redirect_uri":
			c.redirectURI = p.text()
		case "created_ms":
			c.created = time.UnixMilli(p.number())
		case "code_challenge":
			c.challenge = p.text()
		case "spent":
			c.spent = p.flag()
		default:
			p.skip(0)
		}
	})
	return c
}

func (p *scanner) refresh() *refreshState {
	r := &refreshState{}
	p.members(func(name string) {
		switch name {
		case "family":
			if key := p.bytes(); len(key) == len(r.family) {
				copy(r.family[:], key)
			} else {
				p.fail()
			}
		case "digest":
			r.current = secret.Digest(p.text())
		case "previous":
			r.previous = secret.Digest(p.text())
		case "rotated_ms":
			r.rotated = time.UnixMilli(p.number())
		case "sealed":
			r.sealed = p.text()
		case "expires":
			r.expires = p.at()
		default:
			p.skip(0)
		}
	})
	return r
}

func (p *scanner) issued() issued {
	i := issued{}
	p.members(func(name string) {
		switch name {
		case "digest":
			i.digest = secret.Digest(p.text())
		case "revoked":
			i.revoked = p.text()
		case "created":
			i.created = p.at()
		case "expires":
			i.expires = p.at()
		case "scope":
			i.scopes = p.list()
		case "resource":
			i.resources = p.list()
		case "claims":
			i.claims = p.raw()
		default:
			p.skip(0)
		}
	})
	return i
}
