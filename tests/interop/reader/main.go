// Reads sealed files through the package that the Terraform provider for SOPS uses.
//
// usage: reader FORMAT FILE…
//
// Prints one line of JSON for each file: the decrypted data of a YAML or JSON file as that provider
// would see it, or {"error": …}; the status is 1 when a file did not open.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/getsops/sops/v3/decrypt"
	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: reader FORMAT FILE…")
		os.Exit(2)
	}
	status := 0
	lines := json.NewEncoder(os.Stdout)
	for _, file := range os.Args[2:] {
		data, err := read(file, os.Args[1])
		if err != nil {
			status = 1
			data = map[string]string{"error": err.Error()}
		}
		if err := lines.Encode(data); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(status)
}

func read(file, format string) (any, error) {
	clear, err := decrypt.File(file, format)
	if err != nil {
		return nil, err
	}
	var data any
	// YAML's reader reads JSON, too.
	if err := yaml.Unmarshal(clear, &data); err != nil {
		return nil, err
	}
	return data, nil
}
