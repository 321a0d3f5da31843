package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A module is what the rules look at.
type module struct {
	path     string   // its import path
	requires []string // direct requirements
	packages []*pkg
	fset     *token.FileSet
}

type pkg struct {
	rel   string // import path within the module; "." for the root
	name  string // what sentences call it
	files []*file
}

type file struct {
	test   bool
	lines  int
	syntax *ast.File
}

// add parses one file into the module; name is its path within the module.
func (m *module) add(rel, name string, src []byte) error {
	syntax, err := parser.ParseFile(m.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.packages, func(p *pkg) bool { return p.rel == rel })
	if i < 0 {
		i = len(m.packages)
		m.packages = append(m.packages, &pkg{rel: rel, name: m.nameOf(rel)})
	}
	m.packages[i].files = append(m.packages[i].files, &file{
		test:   strings.HasSuffix(name, "_test.go"),
		lines:  bytes.Count(src, []byte("\n")),
		syntax: syntax,
	})
	return nil
}

// nameOf is what a package is called in sentences: its path, and the root by name.
func (m *module) nameOf(rel string) string {
	if rel == "." {
		return path.Base(m.path)
	}
	return rel
}

// at is one line about the source at pos.
func (m *module) at(pos token.Pos, format string, args ...any) string {
	p := m.fset.Position(pos)
	return fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...))
}

// rel returns where in the module an import path lies.
func (m *module) rel(importPath string) (string, bool) {
	if importPath == m.path {
		return ".", true
	}
	return strings.CutPrefix(importPath, m.path+"/")
}

// code yields the files that are not tests, each with its package.
func (m *module) code(yield func(*pkg, *file) bool) {
	for _, p := range m.packages {
		for _, f := range p.files {
			if !f.test && !yield(p, f) {
				return
			}
		}
	}
}

// imported returns the path of an import declaration.
func imported(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // does not compile anyway
	}
	return path
}

// qualified is the full name of pkg.Name as used in f ("net/http.ResponseWriter").
// An import without a name of its own is known by the last element of its path.
func (f *file) qualified(sel *ast.SelectorExpr) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range f.syntax.Imports {
		path := imported(spec)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == x.Name {
			return path + "." + sel.Sel.Name
		}
	}
	return ""
}

// load reads the module whose go.mod lies in dir, nested modules apart.
func load(dir string) (*module, error) {
	m := &module{fset: token.NewFileSet()}
	if err := watch(dir); err != nil {
		return nil, err
	}
	if err := m.loadRequirements(dir); err != nil {
		return nil, err
	}
	out, err := goTool(dir, "list", "-e", "-find", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return m, nil
		} else if err != nil {
			return nil, err
		}
		rel, ok := m.rel(p.ImportPath)
		if !ok {
			return nil, fmt.Errorf("%s is not in module %s", p.ImportPath, m.path)
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			within, err := filepath.Rel(root, filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			if err := m.add(rel, filepath.ToSlash(within), src); err != nil {
				return nil, err
			}
		}
	}
}

// watch reads every directory, so that the go command, which remembers results by
// what a test itself has read, runs this one again when a file comes or goes.
func watch(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
}

func (m *module) loadRequirements(dir string) error {
	out, err := goTool(dir, "mod", "edit", "-json")
	if err != nil {
		return err
	}
	var mod struct {
		Module  struct{ Path string }
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return err
	}
	m.path = mod.Module.Path
	for _, r := range mod.Require {
		if !r.Indirect {
			m.requires = append(m.requires, r.Path)
		}
	}
	return nil
}

// goTool runs the go command on the module by itself, whatever workspace it is in.
func goTool(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}
