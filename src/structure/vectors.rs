//! Published and synthetic examples, each passing or failing as the project's facts say.
//!
//! All are synthetic or from standards. They stand in two halves so that keyscan finds nothing in its own source.
#![allow(clippy::unwrap_used)]

use super::{Input, Outcome, Rng, by_name};
use crate::finding::{Severity, Verdict};

/// Structure with arguments, whether it passes, the verdict if so, the text.
const VECTORS: &[(&str, bool, Verdict, &str)] = &[
    (
        "azure-key +ASt 64 Default0",
        true,
        Verdict::Proven,
        concat!("jGyv3gBbi6uYbA60zpIxnjYI4VpkRtxMnfhUxNeAfG8j", "b8S3vUtqSlVO22Kb1WhbKd9Lf0PM0XVu+ASt95nS3A=="),
    ),
    (
        "azure-key +ASt 64 Default0",
        false,
        Verdict::Proven,
        concat!("jGyw3gBbi6uYbA60zpIxnjYI4VpkRtxMnfhUxNeAfG8j", "b8S3vUtqSlVO22Kb1WhbKd9Lf0PM0XVu+ASt95nS3A=="),
    ),
    (
        "azure-key ACDb 64 MastRW00,MastRO00,SystRW00",
        true,
        Verdict::Proven,
        concat!("FNbd6vbJOGjl+NqBtp3iJnpylra5epVnkwf9Bn882YOR", "Zz5/tgAeilevBMIN4a7ATDcuns7WmAFgACDbdkV5kA=="),
    ),
    (
        "azure-key ACDb 64 MastRW00,MastRO00,SystRW00",
        false,
        Verdict::Proven,
        concat!("FNbe6vbJOGjl+NqBtp3iJnpylra5epVnkwf9Bn882YOR", "Zz5/tgAeilevBMIN4a7ATDcuns7WmAFgACDbdkV5kA=="),
    ),
    (
        "azure-key +ABa 64 AbAcct00",
        true,
        Verdict::Proven,
        concat!("qVHWRSK8A4+46KKQVs993EFEapGYSeVRLdT+zmcdc3W3", "m2knLjiuazenWHRggbMNGNox4suZYjSu+ABaQNr+MA=="),
    ),
    (
        "azure-key +ABa 64 AbAcct00",
        false,
        Verdict::Proven,
        concat!("qVHXRSK8A4+46KKQVs993EFEapGYSeVRLdT+zmcdc3W3", "m2knLjiuazenWHRggbMNGNox4suZYjSu+ABaQNr+MA=="),
    ),
    (
        "azure-key APIM 64 Tenant00",
        true,
        Verdict::Proven,
        concat!("5Xb4gJUq2zhGeJNPmzNw1SG3Ej6TEM9pWaEV/rJ1imGQ", "VpKFfbfPlJhKYK2RM2dGbTtyUU0xxi3/APIMs2DADw=="),
    ),
    (
        "azure-key APIM 64 Tenant00",
        false,
        Verdict::Proven,
        concat!("5Xb5gJUq2zhGeJNPmzNw1SG3Ej6TEM9pWaEV/rJ1imGQ", "VpKFfbfPlJhKYK2RM2dGbTtyUU0xxi3/APIMs2DADw=="),
    ),
    (
        "azure-key APIM 64 Tenant00,IoTHub00",
        true,
        Verdict::Proven,
        concat!("qEIk1O5Uu2v9CKBpezk9RW4LdXb3LuTnJy3CLI4aEweA", "xyRyUJJsiVWBwbZ14dQWW4gZKN+Bp87MAPIMBEtxuA=="),
    ),
    (
        "azure-key APIM 64 Tenant00,IoTHub00",
        false,
        Verdict::Proven,
        concat!("qEIl1O5Uu2v9CKBpezk9RW4LdXb3LuTnJy3CLI4aEweA", "xyRyUJJsiVWBwbZ14dQWW4gZKN+Bp87MAPIMBEtxuA=="),
    ),
    (
        "azure-key +ASb 32 Send0000,Listen00,Manage00",
        true,
        Verdict::Proven,
        concat!("PFCfjVPWLtZ00IvDDu2RDV", "GVWRrStXRwx+ASbJyXles="),
    ),
    (
        "azure-key +ASb 32 Send0000,Listen00,Manage00",
        false,
        Verdict::Proven,
        concat!("PFCgjVPWLtZ00IvDDu2RDV", "GVWRrStXRwx+ASbJyXles="),
    ),
    (
        "azure-key +AEh 32 Send0000,Listen00,Manage00",
        true,
        Verdict::Proven,
        concat!("+0YaxpKxMEYe4CXH5G0GgP", "JuouJPebrti+AEhGwwQvc="),
    ),
    (
        "azure-key +AEh 32 Send0000,Listen00,Manage00",
        false,
        Verdict::Proven,
        concat!("+0YbxpKxMEYe4CXH5G0GgP", "JuouJPebrti+AEhGwwQvc="),
    ),
    (
        "azure-key +ARm 32 Send0000,Listen00,Manage00",
        true,
        Verdict::Proven,
        concat!("uAKZLRg46Noyd/WM8QaMnE", "b29GYuQMvkX+ARmJV3EDI="),
    ),
    (
        "azure-key +ARm 32 Send0000,Listen00,Manage00",
        false,
        Verdict::Proven,
        concat!("uAKALRg46Noyd/WM8QaMnE", "b29GYuQMvkX+ARmJV3EDI="),
    ),
    (
        "azure-key AIoT 32 IoTHub00,DpsKey00,Device00",
        true,
        Verdict::Proven,
        concat!("iMawXqKNkWM9/8+o+H8ekR", "KuUyHlh2iqiAIoTCs0sRQ="),
    ),
    (
        "azure-key AIoT 32 IoTHub00,DpsKey00,Device00",
        false,
        Verdict::Proven,
        concat!("iMaxXqKNkWM9/8+o+H8ekR", "KuUyHlh2iqiAIoTCs0sRQ="),
    ),
    ("azure-key AzCa 32 Access00", true, Verdict::Proven, concat!("3ov5Z+aazM3smj2mCCf5/T", "KmG66KiAF8AAzCaB/ITsk=")),
    ("azure-key AzCa 32 Access00", false, Verdict::Proven, concat!("3ov6Z+aazM3smj2mCCf5/T", "KmG66KiAF8AAzCaB/ITsk=")),
    ("azure-key AZEG 32 SendRecv", true, Verdict::Proven, concat!("VmG6l4X0AiGWh7C5Yc+c+U", "9wnJUUAxUvRAZEGD8qxGo=")),
    ("azure-key AZEG 32 SendRecv", false, Verdict::Proven, concat!("VmG7l4X0AiGWh7C5Yc+c+U", "9wnJUUAxUvRAZEGD8qxGo=")),
    (
        "azure-key AzFu 40 Functi00,Master00,System00",
        true,
        Verdict::Proven,
        concat!("nYVYQu4riajJCHZQl_ewCgqzl59C", "bf2flHuIMKX6Jj2iAzFuLBe-YQ=="),
    ),
    (
        "azure-key AzFu 40 Functi00,Master00,System00",
        false,
        Verdict::Proven,
        concat!("nYVZQu4riajJCHZQl_ewCgqzl59C", "bf2flHuIMKX6Jj2iAzFuLBe-YQ=="),
    ),
    (
        "azure-key AzSe 39 Query000,PAdmin00",
        true,
        Verdict::Proven,
        concat!("DZyKFYz4MFTwdGLqqJfe39UELu", "2aOZoMClFXHnVQV4AzSeC9qEn2"),
    ),
    (
        "azure-key AzSe 39 Query000,PAdmin00",
        false,
        Verdict::Proven,
        concat!("DZyLFYz4MFTwdGLqqJfe39UELu", "2aOZoMClFXHnVQV4AzSeC9qEn2"),
    ),
    (
        "azure-key +ACR 39 ACRDflt0",
        true,
        Verdict::Proven,
        concat!("WmYcWy84szPqP5N+o904s/mue8", "CtnTMkkyGUiohaZp+ACRBXqDyG"),
    ),
    (
        "azure-key +ACR 39 ACRDflt0",
        false,
        Verdict::Proven,
        concat!("WmYdWy84szPqP5N+o904s/mue8", "CtnTMkkyGUiohaZp+ACRBXqDyG"),
    ),
    (
        "azure-key +AMC 64 Classic0",
        true,
        Verdict::Proven,
        concat!("h82Zlj88GXcLEdkPuHOQQgsBs+xWM9blBAJdkvmus96T", "rGcEQxIH2Q/jS0JxsxQ7Nt5MrQAK2XQ++AMCdkk9AA=="),
    ),
    (
        "azure-key +AMC 64 Classic0",
        false,
        Verdict::Proven,
        concat!("h82Alj88GXcLEdkPuHOQQgsBs+xWM9blBAJdkvmus96T", "rGcEQxIH2Q/jS0JxsxQ7Nt5MrQAK2XQ++AMCdkk9AA=="),
    ),
    (
        "cask",
        true,
        Verdict::Proven,
        concat!("GDPYRb5iP4KwWGriSMWG41Qh40H8CvCnVAjge8c9CE", "cbiPnkvxWeJQQJ99CAAAAAAAAAAAAAAAAAAZDO48T7"),
    ),
    (
        "cask",
        false,
        Verdict::Proven,
        concat!("GDPYRb5iP4LwWGriSMWG41Qh40H8CvCnVAjge8c9CE", "cbiPnkvxWeJQQJ99CAAAAAAAAAAAAAAAAAAZDO48T7"),
    ),
    (
        "cask",
        true,
        Verdict::Proven,
        concat!("kToTTglYn2iuJXhLmaK8rq6SBOfqAx9QySsQZj13vq", "qEFQLL4PtDJQQJ99CAAAAAAAAAAAAAAAAAAZAC1bMf"),
    ),
    (
        "cask",
        false,
        Verdict::Proven,
        concat!("kToTTglYn2juJXhLmaK8rq6SBOfqAx9QySsQZj13vq", "qEFQLL4PtDJQQJ99CAAAAAAAAAAAAAAAAAAZAC1bMf"),
    ),
    (
        "cask",
        true,
        Verdict::Proven,
        concat!("1glFJhBu8mapr4Iqs06Gp3pQUkUgcuIaoAp6SjUnxu", "qKdXO2px2hJQQJ99CAACYeBjFXJ3w3AAABACOGFf8k"),
    ),
    (
        "cask",
        false,
        Verdict::Proven,
        concat!("1glFJhBu8mbpr4Iqs06Gp3pQUkUgcuIaoAp6SjUnxu", "qKdXO2px2hJQQJ99CAACYeBjFXJ3w3AAABACOGFf8k"),
    ),
    ("azure-devops-pat", true, Verdict::Proven, concat!("qdbwsjv6nzhqoq7pfjkpzd4siy", "sd7y3h2sqhc6ootffnmgip5dga")),
    ("azure-devops-pat", false, Verdict::Proven, concat!("qdbwsjv6nzaqoq7pfjkpzd4siy", "sd7y3h2sqhc6ootffnmgip5dga")),
    ("entra-secret", true, Verdict::Proven, concat!("z7R8Q~YRp~ln8TL8DQH3", "drnzEo~Z.mohYJqkRbIE")),
    ("entra-secret", false, Verdict::Proven, concat!("z8R8Q~YRp~ln8TL8DQH3", "drnzEo~Z.mohYJqkRbIE")),
    ("nuget-v4", true, Verdict::WellFormed, concat!("oy2haval65ref6w2zgjayac", "5kiaeli7m4s4qwcz6uwju5q")),
    ("nuget-v4", false, Verdict::WellFormed, concat!("oy3haval65ref6w2zgjayac", "5kiaeli7m4s4qwcz6uwju5q")),
    (
        "bech32 age-secret-key-",
        true,
        Verdict::Proven,
        concat!("AGE-SECRET-KEY-1WH94DFPZDAS3AXEZSE2CT", "TTLWDZY4YQEU7S6UHU3H5Z2E3UPJH9S96L4L0"),
    ),
    (
        "bech32 age-secret-key-",
        false,
        Verdict::Proven,
        concat!("AGE-SECRET-KEY-1WH94DFPZDAS3AXQZSE2CT", "TTLWDZY4YQEU7S6UHU3H5Z2E3UPJH9S96L4L0"),
    ),
    (
        "bech32 nsec",
        true,
        Verdict::Proven,
        concat!("nsec1vq54pewtekvx0amrth3vm79rqf", "nx8y2mxjywxp7vl29nd3adsnaqac5jt0"),
    ),
    (
        "bech32 nsec",
        false,
        Verdict::Proven,
        concat!("nsec1vq54pewtekvx0amqth3vm79rqf", "nx8y2mxjywxp7vl29nd3adsnaqac5jt0"),
    ),
    (
        "bech32 suiprivkey",
        true,
        Verdict::Proven,
        concat!("suiprivkey1qr6g2at8gpr3esd8fuwsjl6z", "zvw6a5sde6lujapq2jalhn8mhzhv22l8cdf"),
    ),
    (
        "bech32 suiprivkey",
        false,
        Verdict::Proven,
        concat!("suiprivkey1qr6g2at8gqr3esd8fuwsjl6z", "zvw6a5sde6lujapq2jalhn8mhzhv22l8cdf"),
    ),
    ("base58check wif", true, Verdict::Proven, concat!("5Jxmd3jjEiTVHVJMhRPeiCSBc", "Td564jGG328GoJz7uwGJM9AeXQ")),
    ("base58check wif", false, Verdict::Proven, concat!("5Jxmd3jjEiTVHVJMhRPe2CSBc", "Td564jGG328GoJz7uwGJM9AeXQ")),
    ("base58check wif", true, Verdict::Proven, concat!("L1TsCJaqWtfxrktTgw9ikfGhdW", "RDTbnroyec25WgFS5utq3D64zq")),
    ("base58check wif", false, Verdict::Proven, concat!("L1TsCJaqWtfxrktTgw9i2fGhdW", "RDTbnroyec25WgFS5utq3D64zq")),
    ("base58check wif", true, Verdict::Proven, concat!("cTPpghiHP4msHEzj1j9tte27d8", "mxaS81kc1yrfRZBmCuGeLPnQN2")),
    ("base58check wif", false, Verdict::Proven, concat!("cTPpghiHP4msHEzj1j9t2e27d8", "mxaS81kc1yrfRZBmCuGeLPnQN2")),
    (
        "base58check xprv",
        true,
        Verdict::Proven,
        concat!(
            "xprv9s21ZrQH143K4H3ewhSTvei8B3fyvnHhGuuAyLTtt2LnVbAUQ4V",
            "QTmKNNVksKMRuvQXFzJywsfBySQrSCagSs83DLgUb9wJnCmEUhF63Hjs"
        ),
    ),
    (
        "base58check xprv",
        false,
        Verdict::Proven,
        concat!(
            "xprv9s21ZrQH143K4H3ewhSTvei8B3fyvnHhGuuAyLTtt2LnVb2UQ4V",
            "QTmKNNVksKMRuvQXFzJywsfBySQrSCagSs83DLgUb9wJnCmEUhF63Hjs"
        ),
    ),
    (
        "base58check bip38",
        true,
        Verdict::Proven,
        concat!("6PYXEkhSUfhnRfMTLADBcb8BaFUxB", "pcahEyciAKDPVhrv1oZCkLJtXdrNc"),
    ),
    (
        "base58check bip38",
        false,
        Verdict::Proven,
        concat!("6PYXEkhSUfhnRfMTLADB2b8BaFUxB", "pcahEyciAKDPVhrv1oZCkLJtXdrNc"),
    ),
    (
        "bip39",
        true,
        Verdict::WellFormed,
        concat!("abandon abandon abandon abandon abandon abando", "n abandon abandon abandon abandon abandon about"),
    ),
    (
        "bip39",
        false,
        Verdict::WellFormed,
        concat!("abandon abandon abandon abandon abandon abandon", " abandon abandon abandon abandon abandon abandon"),
    ),
    ("base58check xrp", true, Verdict::Proven, concat!("shvyWYUqRSkHsq", "iJiv5J3rGdNT3vW")),
    ("base58check xrp", false, Verdict::Proven, concat!("shvyWYUqRSpHsq", "iJiv5J3rGdNT3vW")),
    ("base58check xrp", true, Verdict::Proven, concat!("sEdVqBT3CD89ZMZ", "5Ayhpgk3rTeY5kkb")),
    ("base58check xrp", false, Verdict::Proven, concat!("sEdVqBT3CDp9ZMZ", "5Ayhpgk3rTeY5kkb")),
    ("base58check tezos", true, Verdict::Proven, concat!("edsk4FNJQ9Nx8AL8c1tffKbUSHU", "NzVaPcv2h5NFp1AQXcQxrYBWiYD")),
    (
        "base58check tezos",
        false,
        Verdict::Proven,
        concat!("edsk4FNJQ9Nx8AL8c1tf2KbUSHU", "NzVaPcv2h5NFp1AQXcQxrYBWiYD"),
    ),
    ("stellar", true, Verdict::WellFormed, concat!("SCG3T32IWEA5YTV5XEKST3KYFIFF", "23YNEBMXJWEBS6H4UQPLE576GFTH")),
    ("stellar", false, Verdict::WellFormed, concat!("SCG3T32IWEA5YTV5XEKSA3KYFIFF", "23YNEBMXJWEBS6H4UQPLE576GFTH")),
    ("nats", true, Verdict::WellFormed, concat!("SUAOSPBNKHHQXVC7TTAPP42S3NCMJ", "DWBI6AEDHPJ7NBQ6DQYEYGOXVP7U4")),
    ("nats", false, Verdict::WellFormed, concat!("SUAOSPBNKHHQXVC7TTAPA42S3NCMJ", "DWBI6AEDHPJ7NBQ6DQYEYGOXVP7U4")),
    ("nats", true, Verdict::WellFormed, concat!("SAAMIGFLNBXS65FHJSR2WGQQ2UXEK", "KESKGPEYDPDDUXJEB4CMPSXTN6F6Q")),
    ("nats", false, Verdict::WellFormed, concat!("SAAMIGFLNBXS65FHJSR2AGQQ2UXEK", "KESKGPEYDPDDUXJEB4CMPSXTN6F6Q")),
    ("nats", true, Verdict::WellFormed, concat!("SOAJW7AH7UMYBHIVNFH4KZ66DW43M", "D7QVSNFQFM6M7BZXY6DIWVPWWV5JE")),
    ("nats", false, Verdict::WellFormed, concat!("SOAJW7AH7UMYBHIVNFH4AZ66DW43M", "D7QVSNFQFM6M7BZXY6DIWVPWWV5JE")),
    (
        "ed25519-pair",
        true,
        Verdict::Proven,
        concat!("3ysdmPjqKuLLRRjyBWh6K6bsYBLwq2WCKCAHayjnczrg", "1sZnquJQwmhPXDNrwRXEx5AmvW1ESDyRhfbrGALXxoe2"),
    ),
    (
        "ed25519-pair",
        false,
        Verdict::Proven,
        concat!("3ysdmPjqKuLLRRjyBWh6K6bsYBLwq22CKCAHayjnczrg", "1sZnquJQwmhPXDNrwRXEx5AmvW1ESDyRhfbrGALXxoe2"),
    ),
    (
        "solana-json",
        true,
        Verdict::Proven,
        concat!(
            "[149,20,64,165,156,156,181,37,72,237,61,46,10,59,189,17,244,81,162,97,231,193,118,171,63,72,200,177,28,189,171,18",
            "6,218,91,125,3,35,207,75,8,27,194,162,223,238,170,37,37,82,39,189,233,14,112,227,151,91,107,15,244,252,185,88,243]"
        ),
    ),
    (
        "solana-json",
        false,
        Verdict::Proven,
        concat!(
            "[148,20,64,165,156,156,181,37,72,237,61,46,10,59,189,17,244,81,162,97,231,193,118,171,63,72,200,177,28,189,171,18",
            "6,218,91,125,3,35,207,75,8,27,194,162,223,238,170,37,37,82,39,189,233,14,112,227,151,91,107,15,244,252,185,88,243]"
        ),
    ),
    ("curve25519-clamped", true, Verdict::WellFormed, concat!("UMiz3rYfxtxxiRdejqmSjt", "J1z5q/7pcsEUHeMHPHEX4=")),
    ("curve25519-clamped", false, Verdict::WellFormed, concat!("Uciz3rYfxtxxiRdejqmSjt", "J1z5q/7pcsEUHeMHPHEX4=")),
    (
        "adonis-oat",
        true,
        Verdict::Proven,
        concat!("oat_MTc.eWJ2am5DX3FDbnFOc0tZLUkxa3lFa", "WdzVW1NRVI1U1FwMUg4V3NWTjQyNjg2NDc1ODk"),
    ),
    (
        "adonis-oat",
        false,
        Verdict::Proven,
        concat!("oat_MTc.eWJ2am5BX3FDbnFOc0tZLUkxa3lFa", "WdzVW1NRVI1U1FwMUg4V3NWTjQyNjg2NDc1ODk"),
    ),
    (
        "macaroon",
        true,
        Verdict::WellFormed,
        concat!(
            "pypi-AgEIcHlwaS5vcmcCJDBlYjcxYWRjLTEzOTUtNGJlZC1hOWIzLWQ0NzRmNzg0YjQwYQACJXsidmVyc2lvb",
            "iI6IDEsICJwZXJtaXNzaW9ucyI6ICJ1c2VyIn0AAAYgY4JM4ZYpazPx6QUOsSzStLPQGr6mvJJ9nm49VM0lEKk"
        ),
    ),
    (
        "macaroon",
        false,
        Verdict::WellFormed,
        concat!(
            "pypi-AgEIcHlwaS5vcmcCJDBlYjcxYWRjLTEzOTUtNGJlZC1hOWIzLWQ0NzRmNzg0YjQwYQACJXsidmVyc2l",
            "vbiI6IDEsICJwZXJtaXNzaW9ucyI6ICJ1c2VyIn0AAAYgY4JM4ZYpazPx6QUOsSzStLPQGr6mvJJ9nm49VM0l"
        ),
    ),
    ("aws-access-key-id", true, Verdict::WellFormed, concat!("AKIARZPUZD", "IKHJEKVRUY")),
    ("aws-access-key-id", false, Verdict::WellFormed, concat!("AKIA0ZPUZD", "IKHJEKVRUY")),
    (
        "base64contains body BedrockAPIKey-",
        true,
        Verdict::WellFormed,
        concat!(
            "ABSKQmVkcm9ja0FQSUtleS1qcjdtLWF0LTEyMzQ1Njc4OTAxMjp2SnBJ",
            "V2xjK09JNkZZUzQzN2MyR0VYUnRGeHBYY005YmI4ekdNYmtHV1RzPQ=="
        ),
    ),
    (
        "base64contains body BedrockAPIKey-",
        false,
        Verdict::WellFormed,
        concat!(
            "ABSKQmVkcm0ja0FQSUtleS1qcjdtLWF0LTEyMzQ1Njc4OTAxMjp2SnBJ",
            "V2xjK09JNkZZUzQzN2MyR0VYUnRGeHBYY005YmI4ekdNYmtHV1RzPQ=="
        ),
    ),
    (
        "flyio",
        true,
        Verdict::WellFormed,
        concat!(
            "FlyV1 fm2_lJPECDrinEvL8AXcxBCRI5khcBSgDucbqQ9rdedywrVodHRwczovL2F",
            "waS5mbHkuaW8vdjGQxCC3K63fbfHQCVijJ/BE7EusAOes4IhyG4W+qqIRHZE6Bg=="
        ),
    ),
    (
        "flyio",
        false,
        Verdict::WellFormed,
        concat!(
            "FlyV1 fm2_AJPECDrinEvL8AXcxBCRI5khcBSgDucbqQ9rdedywrVodHRwczovL2F",
            "waS5mbHkuaW8vdjGQxCC3K63fbfHQCVijJ/BE7EusAOes4IhyG4W+qqIRHZE6Bg=="
        ),
    ),
    (
        "sentry-org",
        true,
        Verdict::WellFormed,
        concat!(
            "sntrys_eyJpYXQiOiAxNzY3MjI1NjAwLjAsICJ1cmwiOiAiaHR0cHM6Ly9zZW50cnkuaW8iLCAicmVnaW9uX3VybCI6ICJodHRw",
            "czovL3VzLnNlbnRyeS5pbyIsICJvcmciOiAiZXhhbXBsZS1vcmcifQ==_YpJS3kUVYyPWVi3L75oF9rMGECs60wm2OWCrYmwSksI"
        ),
    ),
    (
        "sentry-org",
        false,
        Verdict::WellFormed,
        concat!(
            "sntrys_ey!pYXQiOiAxNzY3MjI1NjAwLjAsICJ1cmwiOiAiaHR0cHM6Ly9zZW50cnkuaW8iLCAicmVnaW9uX3VybCI6ICJodHRw",
            "czovL3VzLnNlbnRyeS5pbyIsICJvcmciOiAiZXhhbXBsZS1vcmcifQ==_YpJS3kUVYyPWVi3L75oF9rMGECs60wm2OWCrYmwSksI"
        ),
    ),
    (
        "discord-bot",
        true,
        Verdict::WellFormed,
        concat!("MTAyOTM4NDc1NjEwMjkzODQ3NQ.HDdKgA.ah", "xcFes26uB6kup0et0C1Bm7tjCV-GZN1Yqts_"),
    ),
    (
        "discord-bot",
        false,
        Verdict::WellFormed,
        concat!("xyzzOTM4NDc1NjEwMjkzODQ3NQ.HDdKgA.ah", "xcFes26uB6kup0et0C1Bm7tjCV-GZN1Yqts_"),
    ),
    (
        "jwt",
        true,
        Verdict::WellFormed,
        concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJleGFtcGxlIiwiaWF0IjoxNzY3M",
            "jI1NjAwLCJleHAiOjE3NjcyMjkyMDB9.TD1XVZVcfrD96tEZqdBkyx0EW1rJ1dmrvWh_zTbcEgY"
        ),
    ),
    (
        "jwt",
        false,
        Verdict::WellFormed,
        concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJleGFtcGxlIiwiaWF0IjoxNzY",
            "3MjI1NjAwLCJleHAiOjE3NjcyMjkyMDB9.TD1XVZVcfrD96tEZqdBkyx0EW1rJ1dmrvWh_zTb"
        ),
    ),
    (
        "jwt-role service_role",
        true,
        Verdict::WellFormed,
        concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6ImFiY2RlZmdoaWprbG1ub3BxcnN0Iiwicm9sZSI6",
            "InNlcnZpY2Vfcm9sZSIsImlhdCI6MTc2NzIyNTYwMCwiZXhwIjoyMDgyODAxNjAwfQ.ZMbbKYDx_BU--0tDoUDNegYYJw4hgc8hcfXe9HNDbIg"
        ),
    ),
    (
        "base64json body o,n,k",
        true,
        Verdict::WellFormed,
        concat!(
            "glc",
            "_eyJvIjoiMTIzNDU2IiwibiI6ImV4YW1wbGUtdG9rZW4iLCJrIjoi",
            "TVQ0NTJ2SDVwVE9ZNHhyNzF6b21NcEttIiwibSI6eyJyIjoidXMifX0="
        ),
    ),
    (
        "base64json body o,n,k",
        false,
        Verdict::WellFormed,
        concat!(
            "glc_ey!vIjoiMTIzNDU2IiwibiI6ImV4YW1wbGUtdG9rZW4iLCJrIjoi",
            "TVQ0NTJ2SDVwVE9ZNHhyNzF6b21NcEttIiwibSI6eyJyIjoidXMifX0="
        ),
    ),
    (
        "base64json body u,a",
        true,
        Verdict::WellFormed,
        concat!("sk.eyJ1IjoiZXhhbXBsZXVzZXIiLCJhIjoiY2x4M", "GV4YW1wbGUwMDAwIn0.c_fG4-LKBFEnZ4F79JlYdG"),
    ),
    (
        "base64json body u,a",
        false,
        Verdict::WellFormed,
        concat!("sk.zzJ1IjoiZXhhbXBsZXVzZXIiLCJhIjoiY2x4M", "GV4YW1wbGUwMDAwIn0.pG-pMIa7kMf1Wd2E1WwHLU"),
    ),
    (
        "jfrog-reference",
        true,
        Verdict::WellFormed,
        concat!("cmVmdGtuOjAxOjE3OTg3NjE2MDA6WTc0", "UmFhRFFNVndzWFc0MDMwYWJMejVvODYz"),
    ),
    (
        "objectid body",
        true,
        Verdict::WellFormed,
        concat!("PMAK-6955b900cef886de925c9350-f4", "965eaebb293f40255031badb8fa38a4a"),
    ),
];

/// Runs a structure over a match; `body` is a segment when given.
fn run(structure: &str, text: &str, span: (usize, usize), body: Option<(usize, usize)>) -> Outcome {
    let mut words = structure.split(' ').map(str::to_owned);
    let structure = by_name(&words.next().unwrap()).unwrap();
    let args: Vec<String> = words.collect();
    let captures: Vec<_> = body.map(|span| ("body", span)).into_iter().collect();
    let input = Input { hay: text.as_bytes(), start: span.0, end: span.1, captures: &captures, args: &args };
    (structure.check)(&input)
}

fn whole(structure: &str, text: &str) -> Outcome {
    run(structure, text, (0, text.len()), None)
}

/// The segment `body` that the rule of a vector would have.
fn body_of(text: &str) -> Option<(usize, usize)> {
    let prefix = ["ABSK", "glc_", "PMAK-", "sk.", "pypi-"].iter().find(|prefix| text.starts_with(**prefix))?;
    let end = match *prefix {
        "PMAK-" => 29,
        "sk." => text.rfind('.').unwrap(),
        _ => text.len(),
    };
    Some((prefix.len(), end))
}

#[test]
fn vectors_pass_and_fail_as_stated() {
    for (structure, passes, verdict, text) in VECTORS {
        let outcome = run(structure, text, (0, text.len()), body_of(text));
        if *passes {
            assert_eq!(outcome.verdict, *verdict, "{structure} {text}");
            assert!(!outcome.dismiss, "{structure} {text}");
        } else {
            // A wrong Entra checksum only fails to prove.
            let expected = if *structure == "entra-secret" { Verdict::Shape } else { Verdict::Malformed };
            assert_eq!(outcome.verdict, expected, "{structure} {text}");
        }
    }
}

fn fact(outcome: &Outcome, label: &str) -> String {
    outcome.facts.iter().find(|fact| fact.label == label).map(|fact| fact.value.clone()).unwrap_or_default()
}

#[test]
fn facts_are_decoded() {
    let aws = whole("aws-access-key-id", concat!("ASIAY34FZK", "BOKMUTVV7A"));
    assert_eq!((fact(&aws, "account").as_str(), aws.verdict), ("609629065308", Verdict::WellFormed));
    let find = |name: &str| VECTORS.iter().find(|row| row.0 == name && row.1).unwrap().3;
    assert_eq!(fact(&whole("aws-access-key-id", find("aws-access-key-id")), "account"), "123456789012");
    assert_eq!(fact(&whole("jfrog-reference", find("jfrog-reference")), "expires"), "2027-01-01T00:00:00Z");
    assert_eq!(fact(&whole("cask", find("cask")), "issued"), "2026-01");
    assert_eq!(fact(&whole("cask", find("cask")), "provider"), "AZDO");
    assert_eq!(fact(&whole("nats", find("nats")), "type"), "user");
    assert_eq!(fact(&whole("sentry-org", find("sentry-org")), "organisation"), "example-org");
    let supabase = whole("jwt", find("jwt-role service_role"));
    assert_eq!(fact(&supabase, "issuer"), "supabase");
    assert_eq!(fact(&supabase, "algorithm"), "HS256");
    let expired = whole("jwt", find("jwt"));
    assert_eq!(fact(&expired, "expires"), "2026-01-01T01:00:00Z");
    assert_eq!(expired.at_most, Some(Severity::Low));
}

#[test]
fn other_variants_are_dismissed() {
    let find = |name: &str| VECTORS.iter().find(|row| row.0 == name && row.1).unwrap().3;
    let cases = [
        ("aws-access-key-id", concat!("AKIAIOSFOD", "NN7EXAMPLE")),
        ("jwt-role anon", find("jwt-role service_role")),
        ("jwt-issuer kubernetes", find("jwt-role service_role")),
        ("jwt", concat!("eyJhbGciOiJub25lIn0", ".eyJzdWIiOiJhIn0.")),
        ("cask ACOG", find("cask")),
        ("base58check wif c", find("base58check wif")),
        ("azure-devops-pat", "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"),
        ("solana-json", "[1,2,3]"),
        ("secp256k1-key", "1111111111111111111111111111111111111111111111111111111111111111"),
        ("url-credentials", concat!("https", "://user:${PASSWORD}@host.test/")),
        ("url-credentials", concat!("https", "://user:secretpass@db.example.com/")),
        ("url-credentials", concat!("https", "://user:<password>@host.test/")),
        ("url-credentials", concat!("https", "://user:@host.test/")),
        ("url-credentials", concat!("https", "://user:$PASSWORD@host.test/")),
        ("url-credentials", concat!("https", "://host.test:8080/package@1.0")),
        ("basic-auth", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        // A public client without a password, and a web token's header.
        ("basic-auth", "b3BlbnNoaWZ0LWNoYWxsZW5naW5nLWNsaWVudDo="),
        ("basic-auth", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
    ];
    for (structure, text) in cases {
        assert!(whole(structure, text).dismiss, "{structure} {text}");
    }
}

#[test]
fn keys_of_other_curves_are_none_of_secp256k1() {
    let key = String::from_utf8(by_name("secp256k1-key").unwrap().mint.unwrap()(&mut Rng::new(5), &[])).unwrap();
    let der = |head: &str| head.to_owned() + &key[head.len()..];
    let at = |before: &str, key: &str| {
        let text = format!("{before}{key}");
        run("secp256k1-key", &text, (before.len(), text.len()), None).dismiss
    };
    assert!(!at("private_key = ", &key));
    for head in
        ["30770201010420", "308187020100301306072a8648ce3d0201", "3059301306072a8648ce3d0201", "30820122300d0609"]
    {
        assert!(at("private_key = ", &der(head)), "{head}");
    }
    for head in ["30770301010420", "31770201010420"] {
        assert!(!at("private_key = ", &der(head)), "{head}");
    }
    for before in [
        "LWM2M_PRIVATE_S: ",
        "wallet.query_key('view_key')\nassert key == '",
        "ed25519::PrivateKey::from(\"",
        "r.Sign(privkey))\nexpected := \"",
    ] {
        assert!(at(before, &key), "{before}");
    }
}

#[test]
fn development_keys_are_low() {
    let key = concat!("ac0974bec39a17e36ba4a6b4d238ff94", "4bacb478cbed5efcae784d7bf4f2ff80");
    assert_eq!(whole("secp256k1-key", key).at_most, Some(Severity::Low));
    let phrase = concat!("seed phrase: test test test test test ", "test test test test test test junk");
    let outcome = whole("bip39", phrase);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Low)));
    assert_eq!(outcome.span, 13..phrase.len());
}

#[test]
fn bip39_knows_other_languages() {
    // Entropy of 16 bytes 7f, from the reference vectors' generator.
    let phrase = "そつう れきだい ほんやく わかす りくつ ばいか ろせん やちん そつう れきだい ほんやく わかめ";
    let outcome = whole("bip39", phrase);
    assert_eq!(outcome.verdict, Verdict::WellFormed);
    assert_eq!(fact(&outcome, "language"), "Japanese");
}

#[test]
fn a_strong_password_at_an_example_host_is_counted() {
    let outcome = whole("url-credentials", concat!("https", "://user:s3cRet9ass@db.example.com/"));
    assert_eq!((outcome.verdict, outcome.dismiss), (Verdict::Malformed, false));
}

#[test]
fn urls_are_split_like_parsers_do() {
    let cases = [
        (concat!("postgres", "://app:S3cr%40t-word@db.test:5432/x"), "app", "db.test:5432", Verdict::WellFormed, None),
        (concat!("redis", "://:S3cret-word@cache.test"), "", "cache.test", Verdict::WellFormed, None),
        (concat!("mysql", "://root:hunter@localhost/x"), "root", "localhost", Verdict::Shape, Some(Severity::Low)),
        (concat!("smtp", "://me:$ecret-w0rd@mx.test"), "me", "mx.test", Verdict::WellFormed, None),
        (concat!("amqp", "://a:p@ss-W0rd!@mq.test/%2f"), "a", "mq.test", Verdict::WellFormed, None),
    ];
    for (text, user, host, verdict, at_most) in cases {
        let outcome = whole("url-credentials", text);
        assert_eq!((fact(&outcome, "user").as_str(), fact(&outcome, "host").as_str()), (user, host), "{text}");
        assert_eq!((outcome.verdict, outcome.at_most, outcome.dismiss), (verdict, at_most, false), "{text}");
    }
}

#[test]
fn tokens_in_place_of_users_stay_hidden() {
    let token = "0123456789abcdef0123456789abcdef01234567";
    let outcome = whole("url-credentials", &format!("{}://{token}:x-oauth-basic@github.test/", "https"));
    assert!(!format!("{:?}", outcome.facts).contains("0123456789"));
}

#[test]
fn sas_is_read_around_its_signature() {
    let sig = concat!("si", "g=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq%3D");
    let text = format!("\"https://x.blob.test/c?sv=2022-11-02&sp=r&se=2020-01-01T00%3A00%3A00Z&{sig}\"");
    let at = text.find("sig=").unwrap();
    let outcome = run("azure-sas", &text, (at, at + sig.len()), None);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Low)));
    assert_eq!(fact(&outcome, "expires"), "2020-01-01T00:00:00Z");
    assert_eq!(outcome.span, text.find("sv=").unwrap()..text.len() - 1);
}

/// The key of the facts' section 5.1 and 5.2: Ed25519, seed of a fixed random generator.
const PKCS8: &str = concat!("MC4CAQAwBQYDK2VwBCIEIBG0veuolAzv", "0eHsuyZ0YN1a2MFzNNUila7dBJYVyTMa");
const OPENSSH: [&str; 5] = [
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "QyNTUxOQAAACA02Xp3Zx8s3gcmsDAu6TPvjqnrzXqCZJn0LLw/xckbSAAAAJAn2GNDJ9hj",
    "QwAAAAtzc2gtZWQyNTUxOQAAACA02Xp3Zx8s3gcmsDAu6TPvjqnrzXqCZJn0LLw/xckbSA",
    "AAAEARtL3rqJQM79Hh7LsmdGDdWtjBczTVIpWu3QSWFckzGjTZendnHyzeByawMC7pM++O",
    "qevNeoJkmfQsvD/FyRtIAAAAB2V4YW1wbGUBAgMEBQY=",
];

/// Puts a body between the lines of a PEM file and runs a structure over the opening line.
fn armoured(structure: &str, label: &str, body: &str) -> Outcome {
    let open = format!("-----{} {label}-----", "BEGIN");
    let text = format!("{open}\n{body}\n-----END {label}-----\n");
    let outcome = run(structure, &text, (0, open.len()), None);
    assert!(outcome.dismiss || outcome.span == (0..text.len() - 1), "{text}");
    outcome
}

#[test]
fn pem_vector() {
    let outcome = armoured("pem", "PRIVATE KEY", PKCS8);
    assert_eq!((outcome.verdict, fact(&outcome, "type").as_str()), (Verdict::WellFormed, "Ed25519"));
    for at in 0..PKCS8.len() {
        let mut body = PKCS8.to_owned();
        body.remove(at);
        assert_eq!(armoured("pem", "PRIVATE KEY", &body).verdict, Verdict::Malformed);
    }
    assert!(armoured("pem", "PUBLIC KEY", PKCS8).dismiss);
}

#[test]
fn encrypted_pem_is_medium() {
    let body = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n\n{PKCS8}{PKCS8}");
    let outcome = armoured("pem", "RSA PRIVATE KEY", &body);
    assert_eq!((outcome.verdict, outcome.at_most), (Verdict::WellFormed, Some(Severity::Medium)));
    assert_eq!(fact(&outcome, "encrypted"), "yes, with a passphrase");
}

#[test]
fn openssh_vectors() {
    for structure in ["openssh", "pem"] {
        let outcome = armoured(structure, "OPENSSH PRIVATE KEY", &OPENSSH.join("\n"));
        assert_eq!((outcome.verdict, fact(&outcome, "comment").as_str()), (Verdict::Proven, "example"));
        let bad = OPENSSH.join("\n").replace("AAAAJAn2GND", "AAAAJAm2GND");
        assert_eq!(armoured(structure, "OPENSSH PRIVATE KEY", &bad).verdict, Verdict::Malformed);
    }
}

#[test]
fn putty_vectors() {
    let file = |version, comment, mac| {
        format!(
            "{}-File-{version}: ssh-ed25519\nEncryption: none\nComment: {comment}\nPublic-Lines: 2\n\
             AAAAC3NzaC1lZDI1NTE5AAAAIDTZendnHyzeByawMC7pM++OqevNeoJkmfQsvD/F\nyRtI\nPrivate-Lines: 1\n\
             AAAAIBG0veuolAzv0eHsuyZ0YN1a2MFzNNUila7dBJYVyTMa\nPrivate-MAC: {mac}\n",
            "PuTTY-User-Key"
        )
    };
    let three = "0109ad1338ddbe66d76a33bbca5859974a3b154e6e90a2a34b5712cc5833810d";
    let two = "08e67cbef92a18672b9acceb16b7e413a84782ec";
    for (version, mac) in [(3, three), (2, two)] {
        for (comment, want) in [("example", Verdict::Proven), ("exampl3", Verdict::Malformed)] {
            let plain = file(version, comment, mac);
            let texts = [plain.clone(), plain.replace('\n', "\r\n"), plain.replace('\n', "\\n")];
            for text in texts {
                let outcome = run("putty", &text, (0, 23), None);
                assert_eq!(outcome.verdict, want, "{text}");
                assert_eq!(outcome.span, 0..text.find(mac).unwrap() + mac.len(), "{text}");
            }
        }
    }
}

#[test]
fn netrc_spans_the_password() {
    let text = concat!("mach", "ine api.host.test\n  login me\n  password S3cret-word\nmachine other");
    let outcome = run("netrc", text, (0, 8), None);
    assert_eq!(&text[outcome.span.clone()], "S3cret-word");
    assert_eq!((fact(&outcome, "user").as_str(), fact(&outcome, "host").as_str()), ("me", "api.host.test"));
    assert!(run("netrc", "machine learning is about models", (0, 8), None).dismiss);
    let token_as_login = concat!("mach", "ine github.com login $token password x-oauth-basic\n");
    assert!(run("netrc", token_as_login, (0, 8), None).dismiss);
}
