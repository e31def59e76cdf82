// What the node's URL parser makes of each line of standard input: one line of JSON with its parts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
)

type parts struct {
	Error    string
	User     string
	Password string
	Host     string
	Port     string
	Path     string
	Query    string
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var seen parts
		parsed, err := url.Parse(lines.Text())
		if err != nil {
			seen.Error = err.Error()
		} else {
			password, _ := parsed.User.Password()
			seen = parts{
				User: parsed.User.Username(), Password: password,
				Host: parsed.Hostname(), Port: parsed.Port(), Path: parsed.Path, Query: parsed.RawQuery,
			}
		}
		if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
