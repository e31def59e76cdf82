module parse-url

go 1.22
