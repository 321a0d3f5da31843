package token

import (
	"slices"
	"strings"
	"time"
)

// readClaims turns a verified payload into claims. Every claim that RFC 9068
// §2.2 requires must be there.
func (j *JWT) readClaims(payload map[string]any) (*seenToken, error) {
	for name := range payload {
		if proper, reserved := reservedName(name); reserved && proper != name {
			return nil, invalid(nil, "the access token has an ambiguous claim")
		}
	}
	r := claimReader{payload: payload}
	c := Claims{
		Issuer:       r.text("iss"),
		Subject:      r.text("sub"),
		ClientID:     r.text("client_id"),
		Audience:     r.audience(),
		Scopes:       r.scopes(),
		ID:           r.text("jti"),
		IssuedAt:     r.time("iat", required),
		Expires:      r.time("exp", required),
		AuthTime:     r.time("auth_time", optional),
		Confirmation: r.confirmation(),
	}
	notBefore := r.time("nbf", optional)
	switch {
	case r.bad != "":
		return nil, invalid(claimError(r.bad), "a claim of the access token is missing or malformed")
	case c.Issuer != j.Issuer:
		return nil, invalid(nil, "the access token is from another issuer")
	case j.Audience != "" && !slices.Contains(c.Audience, j.Audience):
		return nil, invalid(nil, "the access token is for another resource")
	}
	c.GrantID = grantOf(c.ID)
	if len(payload) > 0 {
		c.Extra = payload
	}
	return &seenToken{claims: c, notBefore: notBefore}, nil
}

// A claimError names the claim that could not be read, for the log.
type claimError string

func (e claimError) Error() string { return "claim " + string(e) }

// A claimReader takes claims out of a payload and keeps the name of the last one
// that is missing or malformed.
type claimReader struct {
	payload map[string]any
	bad     string
}

const (
	required = true
	optional = false
)

func (r *claimReader) take(name string) (value any, there bool) {
	value, there = r.payload[name]
	delete(r.payload, name)
	return value, there
}

// text reads a required string.
func (r *claimReader) text(name string) string {
	value, _ := r.take(name)
	s, _ := value.(string)
	if s == "" {
		r.bad = name
	}
	return s
}

// time reads a NumericDate, RFC 7519 §2, rounded down to seconds.
func (r *claimReader) time(name string, must bool) time.Time {
	value, there := r.take(name)
	if !there && !must {
		return time.Time{}
	}
	s, ok := unsigned(value, maxTime)
	if !ok {
		r.bad = name
	}
	return time.Unix(s, 0).UTC()
}

func (r *claimReader) audience() []string {
	value, _ := r.take("aud")
	values, several := value.([]any)
	if !several {
		values = []any{value}
	}
	audience := make([]string, len(values))
	for i, v := range values {
		audience[i], _ = v.(string)
	}
	if len(audience) == 0 || slices.Contains(audience, "") {
		r.bad = "aud"
	}
	return audience
}

func (r *claimReader) scopes() []string {
	value, there := r.take("scope")
	s, ok := value.(string)
	if there && !ok {
		r.bad = "scope"
	}
	if s == "" {
		return nil
	}
	scopes := strings.Split(s, " ")
	for _, scope := range scopes {
		if !validScope(scope) {
			r.bad = "scope"
		}
	}
	return scopes
}

// confirmation reads cnf. A method that Claims cannot carry must not be lost: the
// token would pass for one that is not bound.
func (r *claimReader) confirmation() map[string]string {
	value, there := r.take("cnf")
	if !there {
		return nil
	}
	methods, _ := value.(map[string]any)
	if len(methods) == 0 {
		r.bad = "cnf"
	}
	cnf := make(map[string]string, len(methods))
	for method, proof := range methods {
		cnf[method], _ = proof.(string)
		if method == "" || cnf[method] == "" {
			r.bad = "cnf"
		}
	}
	return cnf
}
