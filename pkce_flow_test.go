package grantor_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/store"
)

// PKCE from both ends: which challenges begin a flow, and which verifiers end
// it. Package pkce has the unit tests.

func TestChallengesThatAreRefused(t *testing.T) {
	good := pkce.Challenge(verifier)
	for _, c := range []struct {
		name      string
		challenge string
		method    string
	}{
		{"PK-02 plain", verifier, "plain"},
		{"PK-02 plain with what could be S256", good, "plain"},
		{"PK-03 a challenge without a method", good, ""},
		{"PK-04 a method nobody knows", good, "S512"},
		{"PK-04 a method in lower case", good, "s256"},
		{"PK-04 a method with a space", good, "S256 "},
		{"PK-04 RG-5 a method with a second line", good, "S256\nplain"},
		{"PK-04 RG-5 plain, and a line that says S256", good, "plain\nS256"},
		{"PK-04 a method in parts", good, "S256,plain"},
		{"PK-05 42 characters", good[:42], "S256"},
		{"PK-05 44 characters", good + "A", "S256"},
		{"PK-05 129 characters", strings.Repeat("a", 129), "S256"},
		{"PK-05 43 characters with an exclamation mark", "!" + good[1:], "S256"},
		{"PK-05 43 characters with padding", good[:42] + "=", "S256"},
		{"PK-05 43 characters with a plus", "+" + good[1:], "S256"},
		{"PK-05 a challenge in hexadecimal", strings.Repeat("0f", 32), "S256"},
		{"PK-05 a challenge whose last bits mean nothing", good[:42] + "N", "S256"},
		{"PK-05 RG-5 a challenge and a second line", good + "\n", "S256"},
		{"PK-06 a method without challenge", "", "S256"},
		{"PK-06 a method nobody knows without challenge", "", "plain"},
		{"PK-13 the challenge stripped by somebody in between", "", ""},
	} {
		for _, id := range []string{"first", "conf-a"} {
			t.Run(c.name+" is refused for "+id, func(t *testing.T) {
				f := newFixture(t)
				f.goesBack(t, f.opens(request(id, "code_challenge", c.challenge, "code_challenge_method", c.method).Encode()), "invalid_request", "st-1")
			})
		}
	}
	for _, id := range []string{"pub", "spa"} {
		t.Run("PK-01 a public client without challenge is refused: "+id, func(t *testing.T) {
			f := newFixture(t)
			f.clients[id].InsecureWithoutPKCE = true // which Validate would not let pass
			answer := f.opens(request(id, "code_challenge", "", "code_challenge_method", "").Encode()).answer(t)
			require.Equal(t, "invalid_request", answer.Get("error"))
			require.False(t, answer.Has("code"))
		})
	}
	t.Run("PK-06 a client that may do without PKCE does not do half of it", func(t *testing.T) {
		f := newFixture(t)
		f.goesBack(t, f.opens(request("bare", "code_challenge", "").Encode()), "invalid_request", "st-1")
		f.goesBack(t, f.opens(request("bare", "code_challenge_method", "").Encode()), "invalid_request", "st-1")
	})
	t.Run("PK-02 A5 the metadata list S256 alone", func(t *testing.T) {
		f := newFixture(t)
		for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
			doc := f.browser("").open(issuer+"/.well-known/"+name, nil).json(t)
			require.Equal(t, []any{"S256"}, doc["code_challenge_methods_supported"])
		}
	})
}

func TestVerifiersThatAreRefused(t *testing.T) {
	const nothing = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" // the S256 challenge of the empty string
	short, long, odd := strings.Repeat("a", 42), strings.Repeat("a", 129), strings.Repeat("a", 42)+"!"
	withQuery := func(id string, pairs ...string) url.Values { return request(id, pairs...) }
	noPKCE := []string{"code_challenge", "", "code_challenge_method", ""}
	for _, c := range []struct {
		name     string
		query    url.Values
		verifier []string // how the token request sends it
	}{
		{"PK-07 another verifier", withQuery("first"), []string{strings.Repeat("b", 43)}},
		{"PK-07 the challenge for a verifier", withQuery("first"), []string{pkce.Challenge(verifier)}},
		{"PK-07 a verifier in another case", withQuery("first"), []string{strings.ToUpper(verifier)}},
		{"PK-07 a verifier with a space after it", withQuery("first"), []string{verifier + " "}},
		{"PK-07 a verifier with a line break after it", withQuery("first"), []string{verifier + "\n"}},
		{"PK-09 RG-4 no verifier", withQuery("first"), nil},
		{"PK-11 an empty verifier", withQuery("first"), []string{""}},
		{"PK-10 RG-4 a verifier for a code without challenge", withQuery("bare", noPKCE...), []string{verifier}},
		{"PK-12 a verifier of 42 characters that matches", withQuery("first", "code_challenge", pkce.Challenge(short)), []string{short}},
		{"PK-12 a verifier of 129 characters that matches", withQuery("first", "code_challenge", pkce.Challenge(long)), []string{long}},
		{"PK-12 a verifier in another alphabet that matches", withQuery("first", "code_challenge", pkce.Challenge(odd)), []string{odd}},
		{"PK-14 the empty string, whose challenge was sent", withQuery("first", "code_challenge", nothing), []string{""}},
		{"PK-14 nothing, though the empty string's challenge was sent", withQuery("first", "code_challenge", nothing), nil},
	} {
		t.Run(c.name+" redeems nothing", func(t *testing.T) {
			f := newFixture(t)
			id := c.query.Get("client_id")
			form := codeForm(f.browser("alice").code(c.query), c.query)
			delete(form, "code_verifier")
			if c.verifier != nil {
				form["code_verifier"] = c.verifier
			}
			f.refused(f.post("/token", id, form), http.StatusBadRequest, "invalid_grant")
		})
	}
	for _, c := range []struct {
		name     string
		query    url.Values
		verifier []string
	}{
		{"PK-11 a code without challenge needs no verifier", withQuery("bare", noPKCE...), nil},
		{"PK-11 and may be sent an empty one", withQuery("bare", noPKCE...), []string{""}},
		{"a client that may do without PKCE may use it", withQuery("bare"), []string{verifier}},
		{"PK-12 43 characters will do", withQuery("first", "code_challenge", pkce.Challenge(short+"a")), []string{short + "a"}},
		{"PK-12 and so will 128", withQuery("first", "code_challenge", pkce.Challenge(long[1:])), []string{long[1:]}},
		{"PK-12 and every unreserved character", withQuery("first", "code_challenge", pkce.Challenge("-._~"+short)), []string{"-._~" + short}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			form := codeForm(f.browser("alice").code(c.query), c.query)
			delete(form, "code_verifier")
			if c.verifier != nil {
				form["code_verifier"] = c.verifier
			}
			res := f.post("/token", c.query.Get("client_id"), form)
			require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
		})
	}
	t.Run("PK-07 PK-09 a refused verifier spends nothing", func(t *testing.T) {
		f := newFixture(t)
		q := request("first")
		form := codeForm(f.browser("alice").code(q), q)
		for _, v := range []string{strings.Repeat("b", 43), "", "x"} {
			form.Set("code_verifier", v)
			f.refused(f.post("/token", "first", form), http.StatusBadRequest, "invalid_grant")
		}
		form.Set("code_verifier", verifier)
		require.Equal(t, http.StatusOK, f.post("/token", "first", form).StatusCode)
	})
	t.Run("PK-10 a challenge cannot be brought along to the token endpoint", func(t *testing.T) {
		f := newFixture(t)
		q := request("first")
		form := codeForm(f.browser("alice").code(q), q)
		other := strings.Repeat("b", 43)
		form.Set("code_verifier", other)
		form.Set("code_challenge", pkce.Challenge(other))
		form.Set("code_challenge_method", "S256")
		f.refused(f.post("/token", "first", form), http.StatusBadRequest, "invalid_grant")
	})
	t.Run("PK-07 the verifier of another tab redeems nothing", func(t *testing.T) {
		f := newFixture(t)
		other := strings.Repeat("b", 43)
		q, mine := request("first"), request("first", "code_challenge", pkce.Challenge(other))
		b := f.browser("alice")
		theirs, ours := b.code(q), b.code(mine)
		form := codeForm(theirs, q)
		form.Set("code_verifier", other)
		f.refused(f.post("/token", "first", form), http.StatusBadRequest, "invalid_grant")
		form.Set("code", ours)
		require.Equal(t, http.StatusOK, f.post("/token", "first", form).StatusCode)
	})
}

func TestWhereTheChallengeShows(t *testing.T) {
	t.Run("PK-17 neither code, redirect, log nor event tells challenge or verifier", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		q := request("conf-a")
		challenge := q.Get("code_challenge")
		res := b.consent(b.authorize(q), "approve")
		location := res.Header.Get("Location")
		bad := codeForm(res.answer(t).Get("code"), q)
		bad.Set("code_verifier", strings.Repeat("b", 43))
		refused := f.post("/token", "conf-a", bad)
		tokens := f.post("/token", "conf-a", codeForm(res.answer(t).Get("code"), q))
		require.Equal(t, http.StatusOK, tokens.StatusCode)
		f.mu.Lock()
		events := fmt.Sprintf("%+v", f.events)
		f.mu.Unlock()
		for where, text := range map[string]string{
			"the redirect": location, "the refusal": refused.body, "the response": tokens.body, "the log": f.logs(), "the events": events,
		} {
			for _, secret := range []string{challenge, verifier, bad.Get("code_verifier")} {
				require.NotContains(t, text, secret, where)
			}
		}
		require.NotEmpty(t, f.logs())
	})
	t.Run("PK-17 the verifier is never stored", func(t *testing.T) {
		f := newFixture(t)
		q := request("first")
		require.Equal(t, http.StatusOK, f.post("/token", "first", codeForm(f.browser("alice").code(q), q)).StatusCode)
		records, err := f.memory.Find(t.Context(), store.Query{Kind: "grant"})
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.NotContains(t, string(records[0].Data), verifier)
	})
}
