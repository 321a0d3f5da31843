package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/examples/server/internal/session"
)

// A browser keeps the last cookie it was given.
type browser struct{ cookie *http.Cookie }

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	return r
}

// visit lets the server answer the browser.
func (b *browser) visit(serve func(http.ResponseWriter, *http.Request)) {
	w := httptest.NewRecorder()
	serve(w, b.request())
	if all := w.Result().Cookies(); len(all) > 0 {
		b.cookie = all[len(all)-1]
	}
}

func TestSessions(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := session.New("https://as.example", func() time.Time { return now })
	b := &browser{}
	signIn := func(subject string) {
		b.visit(func(w http.ResponseWriter, r *http.Request) { s.Begin(w, r, subject) })
	}
	current := func() string {
		found, _ := s.Current(b.request())
		return found.Subject
	}

	t.Run("at first nobody is there", func(t *testing.T) {
		require.Empty(t, current())
	})
	t.Run("who signs in is there, since now", func(t *testing.T) {
		signIn("alice")
		found, ok := s.Current(b.request())
		require.True(t, ok)
		require.Equal(t, "alice", found.Subject)
		require.Equal(t, now, found.AuthTime)
		require.NotEqual(t, b.cookie.Value, found.ID)
	})
	t.Run("signing in again ends the session before", func(t *testing.T) {
		old := *b
		signIn("bob")
		require.Equal(t, "bob", current())
		_, ok := s.Current(old.request())
		require.False(t, ok)
	})
	t.Run("a cookie that was never given is nobody's", func(t *testing.T) {
		forged := &browser{cookie: &http.Cookie{Name: b.cookie.Name, Value: "guess"}}
		_, ok := s.Current(forged.request())
		require.False(t, ok)
	})
	t.Run("signing out ends it, for copies of the cookie too", func(t *testing.T) {
		copied := *b
		b.visit(s.End)
		require.Empty(t, current())
		_, ok := s.Current(copied.request())
		require.False(t, ok)
	})
	t.Run("it ends by itself", func(t *testing.T) {
		signIn("alice")
		now = now.Add(session.Lifetime - time.Second)
		s.Sweep()
		require.Equal(t, "alice", current())
		now = now.Add(time.Second)
		require.Empty(t, current())
		s.Sweep()
		require.Empty(t, current())
	})
}

func TestFormTokens(t *testing.T) {
	s := session.New("http://127.0.0.1", nil)
	form := func(b *browser) (token string) {
		b.visit(func(w http.ResponseWriter, r *http.Request) { token = s.FormToken(w, r) })
		return token
	}
	mine, yours := &browser{}, &browser{}
	token := form(mine)
	t.Run("a browser's token is genuine there and nowhere else", func(t *testing.T) {
		form(yours)
		require.True(t, s.Genuine(mine.request(), token))
		require.False(t, s.Genuine(yours.request(), token))
		require.False(t, s.Genuine((&browser{}).request(), token))
		require.False(t, s.Genuine(mine.request(), ""))
	})
	t.Run("it stays the same until somebody signs in", func(t *testing.T) {
		require.Equal(t, token, form(mine))
		mine.visit(func(w http.ResponseWriter, r *http.Request) { s.Begin(w, r, "alice") })
		require.False(t, s.Genuine(mine.request(), token))
		require.NotEqual(t, token, form(mine))
	})
}
