package archtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// rules are what every package of the module keeps to.
var rules = []struct {
	sentence string
	check    func(*module) []string
}{
	{"packages import only from lower floors", checkFloors},
	{"what is internal is imported by tests only", checkInternal},
	{"the root module has its three requirements and testify stays in tests", checkRequirements},
	{"everything exported is documented", checkDocumented},
	{"packages keep to the budget of exported identifiers", checkExportedBudget},
	{"exported names are words of the domain", checkNames},
	{"no interface has more than four methods", checkInterfaces},
	{"files and functions are short", checkSizes},
	{"no package has an init function or state", checkState},
	{"names that are reserved are used where they belong", checkReserved},
}

func TestArchitecture(t *testing.T) {
	m, err := load("../..")
	require.NoError(t, err)
	require.NotEmpty(t, m.packages)
	for _, r := range rules {
		t.Run(r.sentence, func(t *testing.T) {
			for _, v := range r.check(m) {
				t.Error(v)
			}
		})
	}
}
