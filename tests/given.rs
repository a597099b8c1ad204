//! Passwords without a name: found where calls, commands and settings take them, and what stands in their place not.

use std::collections::BTreeMap;

use crate::generic::{is_found, passwords};

/// Surroundings with `{}` where the password stands. A third field is the characters that cannot stand there.
const PLACES: &[(&str, &str, &str)] = &[
    ("requests", "requests.get(url, auth=(\"admin\", \"{}\"))\n", ""),
    ("requests, class", "s.auth = HTTPBasicAuth('admin', '{}')\n", ""),
    ("smtplib", "server.login(\"robot@corp.net\", \"{}\")\n", ""),
    ("Go, request", "req.SetBasicAuth(\"admin\", \"{}\")\n", ""),
    ("Go, mail", "a := smtp.PlainAuth(\"\", \"robot@corp.net\", \"{}\", \"smtp.corp.net\")\n", ""),
    ("Go, data source", "db, err := sql.Open(\"mysql\", \"root:{}@tcp(db:3306)/app\")\n", "@#%"),
    ("Rust", "client.get(url).basic_auth(\"admin\", Some(\"{}\"))\n", ""),
    ("C#", "client.Credentials = new NetworkCredential(\"admin\", \"{}\");\n", ""),
    ("Java, JDBC", "c = DriverManager.getConnection(\n    \"jdbc:mysql://db/app\", \"root\", \"{}\");\n", ""),
    ("Java, mail", "return new PasswordAuthentication(\"robot\", \"{}\".toCharArray());\n", ""),
    ("OkHttp", "String c = Credentials.basic(\"admin\", \"{}\");\n", ""),
    ("neo4j", "driver(uri, neo4j.auth.basic('neo4j', '{}'))\n", ""),
    ("PHP, mysqli", "$c = mysqli_connect('localhost', 'root', '{}', 'app');\n", ""),
    ("PHP, object", "$c = new mysqli(\"localhost\", \"root\", \"{}\", \"app\");\n", ""),
    ("PHP, PDO", "$pdo = new PDO(\"mysql:host=db;dbname=app\", $user, '{}');\n", ""),
    ("PHP, LDAP", "ldap_bind($link, 'cn=admin,dc=corp', '{}');\n", ""),
    ("Perl", "my $db = DBI->connect($source, 'root', '{}');\n", ""),
    ("Python, MySQL", "db = pymysql.connect('db', 'root', '{}', 'app')\n", ""),
    ("Node, HMAC", "crypto.createHmac('sha256', '{}').update(x)\n", ""),
    ("Node, JWT", "jwt.sign({ id: user.id, roles: [1, 2] }, '{}', { expiresIn: 60 })\n", ""),
    ("sshpass", "sshpass -p '{}' ssh root@10.0.0.5\n", ""),
    ("mysql", "mysql -uroot -p{} app < dump.sql\n", "#%@*!"),
    ("mysqldump, quoted", "mysqldump -u root -p'{}' app\n", ""),
    ("redis-cli", "redis-cli -h cache -a {} ping\n", "#"),
    ("mongodump", "mongodump -u admin -p \"{}\" --db app\n", ""),
    ("docker login", "docker login -u bob -p {} registry.corp.net\n", "#"),
    ("az login", "az login --service-principal -u $ID -p {} --tenant $T\n", "#"),
    ("ldapsearch", "ldapsearch -x -D cn=admin \\\n  -w {} -b dc=corp\n", "#"),
    ("htpasswd", "htpasswd -bc /etc/nginx/users admin {}\n", "#"),
    ("net use", "net use z: \\\\srv\\share {} /user:corp\\bob\n", "#"),
    ("smbclient", "smbclient //srv/share -U bob%{}\n", "#"),
    ("PowerShell", "$s = ConvertTo-SecureString \"{}\" -AsPlainText -Force\n", ""),
    ("pgpass", "db.corp.net:5432:app:app:{}\n", "#*"),
    ("Redis", "requirepass {}\n", "#*"),
    ("Cisco", "username admin privilege 15 password 0 {}\n", "#"),
    ("Cisco, SNMP", "snmp-server community {} RW\n", "#"),
    ("wpa_supplicant", "network={\n  ssid=\"corp\"\n  psk=\"{}\"\n}\n", ""),
    ("IPsec", "%any : PSK \"{}\"\n", ""),
    ("INSERT", "INSERT INTO users (id, name, password) VALUES\n  (1, 'ann', '{}');\n", ""),
    ("Erlang", "{password, \"{}\"},\n", ""),
    ("YAML, anchor", "password: &db {}\n", "#%@*!"),
    ("XML, attribute beside", "<password encrypted=\"false\">{}</password>\n", ""),
    ("prose, code", "Sign in as admin, password `{}`.\n", ""),
    ("scheme", "curl -H \"Authorization: Token {}\" https://api.corp.net\n", ""),
    ("gradle field", "buildConfigField(\"String\", \"API_KEY\", \"\\\"{}\\\"\")\n", ""),
];

#[test]
fn passwords_are_found_where_they_are_given() {
    let (mut all, mut missed) = (0, BTreeMap::<&str, Vec<&str>>::new());
    for (name, place, not) in PLACES {
        for seed in 0..6 {
            for (kind, password) in passwords(seed * 1000 + name.len() as u64) {
                let password: String = password.chars().map(|c| if not.contains(c) { 'x' } else { c }).collect();
                all += 1;
                if !is_found(&place.replacen("{}", &password, 1), &password) {
                    missed.entry(name).or_default().push(kind);
                }
            }
        }
    }
    let lost: usize = missed.values().map(Vec::len).sum();
    assert!(lost * 20 <= all, "{lost} of {all} are missed: {missed:#?}");
    let each = all / PLACES.len();
    for (name, kinds) in &missed {
        assert!(kinds.len() * 2 < each, "{name}: {kinds:?}");
    }
}

/// What stands there when the password does not.
#[test]
fn what_stands_for_a_password_is_none() {
    let values =
        ["$PASSWORD", "${DB_PASS}", "<password>", "your-password", "{{ password }}", "%s", "changeme", "******"];
    for (name, place, _) in PLACES {
        for value in values {
            let text = place.replacen("{}", value, 1);
            assert!(!is_found(&text, value), "{name}: {value}");
        }
    }
    for text in [
        "requests.get(url, auth=(user, password))\n",
        "server.login(user, os.environ['MAIL_PW'])\n",
        "app.login('/login', 'Please sign in first')\n",
        "c = DriverManager.getConnection(url, user, prefix + 'x7Kq2LmZ9pRt');\n",
        "mysql is a database; -p asks for a password\n",
        "docker login -u bob --password-stdin\n",
        "net user bob /delete\n",
        "enable password 8Ry2YjIyt7RRXU24 encrypted\n",
        "INSERT INTO users (id, password) VALUES (1, md5('x7Kq2LmZ9pRt'));\n",
    ] {
        for word in
            ["password", "MAIL_PW", "Please sign in first", "x7Kq2LmZ9pRt", "8Ry2YjIyt7RRXU24", "stdin", "delete"]
        {
            assert!(!text.contains(word) || !is_found(text, word), "{text}");
        }
    }
}
