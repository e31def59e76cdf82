// What the reference sees in a clear YAML file.
//
// usage: oracle FILE…
//
// For each file one line of JSON with its documents as flat lists in the order of the reference's
// walk: k is v (value), c (comment) or i (comment behind a value), p the path as it stands in the
// associated data, t the type, v the bytes that are sealed and that enter the MAC. Comments carry
// the path of the map or list that they stand in.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/stores/yaml"
)

type item struct {
	Kind  string `json:"k"`
	Path  string `json:"p"`
	Type  string `json:"t"`
	Value string `json:"v"`
}

type result struct {
	File      string   `json:"f"`
	Error     string   `json:"err,omitempty"`
	Documents [][]item `json:"docs,omitempty"`
}

func main() {
	lines := json.NewEncoder(os.Stdout)
	for _, file := range os.Args[1:] {
		if err := lines.Encode(look(file)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func look(file string) (seen result) {
	seen.File = file
	// The reference's store panics on some texts; that is an answer, too.
	defer func() {
		if reason := recover(); reason != nil {
			seen.Error = fmt.Sprint("panic: ", reason)
		}
	}()
	text, err := os.ReadFile(file)
	if err != nil {
		seen.Error = err.Error()
		return seen
	}
	branches, err := yaml.NewStore(&config.YAMLStoreConfig{}).LoadPlainFile(text)
	if err != nil {
		seen.Error = err.Error()
		return seen
	}
	for _, branch := range branches {
		seen.Documents = append(seen.Documents, walk(branch, "", []item{}))
	}
	return seen
}

func walk(node any, path string, items []item) []item {
	switch node := node.(type) {
	case sops.TreeBranch:
		for _, entry := range node {
			if comment, ok := entry.Key.(sops.Comment); ok {
				items = append(items, commentItem(comment, path))
			} else {
				items = walk(entry.Value, path+fmt.Sprint(entry.Key)+":", items)
			}
		}
		return items
	case []any:
		for _, entry := range node {
			items = walk(entry, path, items)
		}
		return items
	case sops.Comment:
		return append(items, commentItem(node, path))
	case nil:
		return append(items, item{"v", path, "nil", ""})
	}
	kind := fmt.Sprintf("%T", node)
	if _, ok := node.(time.Time); ok {
		kind = "time"
	}
	bytes, err := sops.ToBytes(node)
	if err != nil {
		bytes = []byte("?" + kind)
	}
	return append(items, item{"v", path, kind, string(bytes)})
}

func commentItem(comment sops.Comment, path string) item {
	kind := "c"
	if comment.Inline {
		kind = "i"
	}
	return item{kind, path, "comment", comment.Value}
}
