package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/grantor-go/grantor/token"
)

var (
	errInactive = errors.New("resource: introspection says that the token is not active")
	errTimes    = errors.New("resource: introspection says that the token is active, but its time is not now")
	errKind     = errors.New("resource: introspection does not say that this is an access token")

	errAnswer = errors.New("resource: the introspection response is not the JSON object of RFC 7662")
)

// readAnswer turns an introspection response (RFC 7662 §2.2) into claims. A token
// that is not live is oautherr.InvalidToken; an answer that makes no sense says
// nothing about the token and is any other error.
func readAnswer(body []byte, issuer string, now time.Time) (token.Claims, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // no number is rounded
	a := answer{}
	if err := d.Decode(&a.members); err != nil {
		return token.Claims{}, errAnswer // the cause may quote the body
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return token.Claims{}, errAnswer
	}
	active, ok := a.members["active"].(bool)
	switch {
	case !ok:
		return token.Claims{}, errAnswer
	case !active:
		return token.Claims{}, invalidToken(errInactive)
	}
	c, notBefore := a.claims()
	if c.Issuer == "" {
		c.Issuer = issuer
	}
	switch kind := a.text("token_type"); {
	case a.bad != "":
		return token.Claims{}, fmt.Errorf("resource: the introspection response has a malformed %s", a.bad)
	case c.Issuer != issuer:
		return token.Claims{}, errors.New("resource: the introspection response speaks for another issuer")
	case !strings.EqualFold(kind, "Bearer") && !(strings.EqualFold(kind, "DPoP") && c.Confirmation != nil):
		return token.Claims{}, invalidToken(errKind) // a refresh token is active too, but has no type
	case !c.Expires.IsZero() && !now.Before(c.Expires), notBefore.After(now):
		return token.Claims{}, invalidToken(errTimes)
	}
	for name := range a.members {
		if token.Reserved(name) {
			delete(a.members, name)
		}
	}
	if len(a.members) > 0 {
		c.Extra = a.members
	}
	return c, nil
}

// An answer takes members out of a response and keeps the name of the last one
// that is malformed.
type answer struct {
	members map[string]any
	bad     string
}

func (a *answer) claims() (c token.Claims, notBefore time.Time) {
	return token.Claims{
		Issuer:       a.text("iss"),
		Subject:      a.text("sub"),
		ClientID:     a.text("client_id"),
		Audience:     a.audience(),
		Scopes:       strings.Fields(a.text("scope")),
		ID:           a.text("jti"),
		IssuedAt:     a.time("iat"),
		Expires:      a.time("exp"),
		AuthTime:     a.time("auth_time"),
		Confirmation: a.confirmation(),
	}, a.time("nbf")
}

// text reads a string; every member is optional, RFC 7662 §2.2.
func (a *answer) text(name string) string {
	v, there := a.members[name]
	s, ok := v.(string)
	if there && !ok {
		a.bad = name
	}
	return s
}

// maxTime is the end of the year 9999.
const maxTime = 253402300799

// time reads a number of seconds since 1970, rounded down.
func (a *answer) time(name string) time.Time {
	v, there := a.members[name]
	if !there {
		return time.Time{}
	}
	n, _ := v.(json.Number)
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > maxTime {
		a.bad = name
		return time.Time{}
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC()
}

func (a *answer) audience() []string {
	v, there := a.members["aud"]
	values, several := v.([]any)
	if !several && there {
		values = []any{v}
	}
	var audience []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			a.bad = "aud"
		}
		audience = append(audience, s)
	}
	return audience
}

// confirmation reads cnf. A method that Claims cannot carry must not be lost: the
// token would pass for one that is not bound.
func (a *answer) confirmation() map[string]string {
	v, there := a.members["cnf"]
	if !there {
		return nil
	}
	methods, ok := v.(map[string]any)
	if !ok {
		a.bad = "cnf"
	}
	cnf := make(map[string]string, len(methods))
	for method, proof := range methods {
		if cnf[method], ok = proof.(string); !ok {
			a.bad = "cnf"
		}
	}
	return cnf
}
