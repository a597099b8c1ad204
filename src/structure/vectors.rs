//! Published and synthetic examples, each passing or failing as the project's facts say.
//!
//! All are synthetic or from standards. They stand in two halves so that keyscan finds nothing in its own source.
#![allow(clippy::unwrap_used)]

use super::{Input, Outcome, by_name};
use crate::finding::Verdict;

/// Structure with arguments, whether it passes, the verdict if so, the text.
pub(super) const VECTORS: &[(&str, bool, Verdict, &str)] = &[
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
pub(super) fn run(structure: &str, text: &str, span: (usize, usize), body: Option<(usize, usize)>) -> Outcome {
    let mut words = structure.split(' ').map(str::to_owned);
    let structure = by_name(&words.next().unwrap()).unwrap();
    let args: Vec<String> = words.collect();
    let captures: Vec<_> = body.map(|span| ("body", span)).into_iter().collect();
    let input = Input { hay: text.as_bytes(), start: span.0, end: span.1, captures: &captures, args: &args };
    (structure.check)(&input)
}

pub(super) fn whole(structure: &str, text: &str) -> Outcome {
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
