package grantor_test

import (
	"testing"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

func TestPlainStore(t *testing.T) {
	clock := new(storetest.Clock)
	storetest.Run(t, storetest.Engine{
		Open:  func(t *testing.T) store.Store { return NewPlainStore(clock.Now) },
		Clock: clock,
	})
}
