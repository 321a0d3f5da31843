package interop_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A person sits at a browser without scripts: cookies, links and forms.
type person struct {
	t    *testing.T
	http *http.Client
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &person{t: t, http: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// allow opens an authorization request, signs in and agrees where asked, and
// returns the URL that the browser is sent to in the end, without opening it.
func (p *person) allow(authorizeURL string) *url.URL {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodGet, authorizeURL, nil)
	require.NoError(p.t, err)
	for range 10 {
		res, err := p.http.Do(r)
		require.NoError(p.t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(p.t, err)
		require.NoError(p.t, res.Body.Close())
		if to := res.Header.Get("Location"); to != "" {
			next, err := r.URL.Parse(to)
			require.NoError(p.t, err)
			if next.Host != r.URL.Host {
				return next
			}
			r, err = http.NewRequest(http.MethodGet, next.String(), nil)
			require.NoError(p.t, err)
			continue
		}
		require.Equal(p.t, http.StatusOK, res.StatusCode, "%s", body)
		r = p.fillIn(r.URL, string(body))
	}
	p.t.Fatal("the pages never end")
	return nil
}

var (
	formTag   = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// fillIn is the request that the form on the page sends.
func (p *person) fillIn(at *url.URL, page string) *http.Request {
	p.t.Helper()
	v := url.Values{}
	for _, hidden := range hiddenTag.FindAllStringSubmatch(page, -1) {
		v.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	if strings.Contains(page, `name="password"`) {
		v.Set("username", username)
		v.Set("password", password)
	} else {
		v.Set("action", "approve")
	}
	form := formTag.FindStringSubmatch(page)
	require.NotNil(p.t, form, "no form: %s", page)
	to, err := at.Parse(html.UnescapeString(form[1]))
	require.NoError(p.t, err)
	r, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(v.Encode()))
	require.NoError(p.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
