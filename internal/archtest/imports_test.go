package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// checkFloors: a package imports only from lower floors, and stands on one.
func checkFloors(m *module) (violations []string) {
	homeless := map[string]bool{}
	for p, f := range m.code {
		floor, ok := floorOf(p.rel)
		if internal(p.rel) {
			continue
		}
		if !ok {
			if !homeless[p.rel] {
				homeless[p.rel] = true
				violations = append(violations, m.at(f.syntax.Package, "package %s stands on no floor: name it in the table, or move it", p.name))
			}
			continue
		}
		for _, spec := range f.syntax.Imports {
			rel, ours := m.rel(imported(spec))
			if !ours || internal(rel) {
				continue
			}
			switch other, ok := floorOf(rel); {
			case !ok:
				violations = append(violations, m.at(spec.Pos(), "%s imports %s, which stands on no floor", p.name, rel))
			case other == floor:
				violations = append(violations, m.at(spec.Pos(), "%s imports its sibling %s: both stand on floor %d, and siblings never meet", p.name, m.nameOf(rel), floor))
			case other > floor:
				violations = append(violations, m.at(spec.Pos(), "%s on floor %d imports %s on floor %d: imports go down", p.name, floor, m.nameOf(rel), other))
			}
		}
	}
	return violations
}

// checkInternal: what is internal is for tests, unless the table says otherwise;
// and then it stands below the lowest floor.
func checkInternal(m *module) (violations []string) {
	for p, f := range m.code {
		for _, spec := range f.syntax.Imports {
			rel, ours := m.rel(imported(spec))
			switch {
			case ours && internal(rel) && !internal(p.rel) && internalUsers[rel] == "":
				violations = append(violations, m.at(spec.Pos(), "%s imports %s, which is for tests only", p.name, rel))
			case ours && internalUsers[p.rel] != "":
				violations = append(violations, m.at(spec.Pos(), "%s imports %s, but stands below all floors", p.name, rel))
			}
		}
	}
	return violations
}

// checkRequirements: the root module requires what the table lists, all of it and
// nothing else; testify is imported by tests alone.
func checkRequirements(m *module) (violations []string) {
	for _, path := range m.requires {
		if !slices.Contains(requirements, path) {
			violations = append(violations, fmt.Sprintf("go.mod:1: %s is required directly: what needs it belongs in a nested module", path))
		}
	}
	for _, path := range requirements {
		if !slices.Contains(m.requires, path) {
			violations = append(violations, fmt.Sprintf("go.mod:1: %s is no direct requirement: take it out of the table", path))
		}
	}
	for _, p := range m.packages {
		for _, f := range p.files {
			for _, spec := range f.syntax.Imports {
				path := imported(spec)
				under := func(module string) bool { return matches(module+"/...", path) }
				_, ours := m.rel(path)
				first, _, _ := strings.Cut(path, "/")
				switch {
				case under(testify) && !f.test:
					violations = append(violations, m.at(spec.Pos(), "%s imports %s outside a test: whoever imports %s would have to as well", p.name, path, p.name))
				case !ours && strings.Contains(first, ".") && !slices.ContainsFunc(requirements, under):
					violations = append(violations, m.at(spec.Pos(), "%s imports %s, which is of none of the modules allowed", p.name, path))
				}
			}
		}
	}
	return violations
}
